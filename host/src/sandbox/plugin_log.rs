//! The log lines of a plugin, within their limits.

use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::model::join_lines;

/// The log lines of one login, and the number of lines beyond the limit.
pub(super) struct PluginLog {
    lines: Vec<LogLine>,
    dropped: usize,
    max_lines: usize,
    max_bytes: usize,
}

/// One log line of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogLine {
    /// The severity.
    pub level: LogLevel,
    /// The text.
    pub message: String,
}

/// The severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// A detail for the plugin's author.
    Debug,
    /// A normal event.
    Info,
    /// An unusual event that did no harm.
    Warn,
    /// A failure.
    Error,
}

impl PluginLog {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { lines: Vec::new(), dropped: 0, max_lines: limits.log_lines, max_bytes: limits.log_line_bytes }
    }

    /// Adds a line, cut at its limit; beyond the limit of lines, it is only counted.
    pub(super) fn write(&mut self, level: LogLevel, message: String) {
        if self.lines.len() >= self.max_lines {
            self.dropped += 1;
            return;
        }
        // A copy: truncating the text itself would keep its memory.
        let mut message = join_lines(&message, self.max_bytes);
        // The limit is on the memory, not only on the text in it.
        message.shrink_to_fit();
        self.lines.push(LogLine { level, message });
    }

    /// Returns the lines. If there were more than the limit, a last one gives
    /// their number.
    pub(super) fn finish(mut self) -> Vec<LogLine> {
        if self.dropped > 0 {
            let message =
                format!("{} more line(s) were dropped: the limit is {}", self.dropped, self.max_lines);
            self.lines.push(LogLine { level: LogLevel::Warn, message });
        }
        self.lines
    }
}
