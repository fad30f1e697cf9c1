//! The lines that the log has of one policy's decision.

use crate::decide::PolicyRun;
use crate::guard::Guard;
use crate::model::{cut, mask_addresses};
use crate::sandbox::{LogLevel, LogLine};
use crate::tenant::state::Tenant;

/// The bytes that a log line keeps of a failure. A panic may say much more.
const FAILURE: usize = 1 << 10;

/// Lines of a plugin's output that one login writes to the log: the last ones,
/// where an exception is told.
const OUTPUT_LINES: usize = 20;

/// One of them, in bytes.
const OUTPUT_LINE: usize = 1 << 10;

impl Tenant {
    /// Tells the operator what one policy did: its failure, its refusals, its own
    /// log and output.
    pub(crate) fn tell(&self, step: &PolicyRun<Guard>, user: &str) {
        let policy = step.policy.as_str();
        if let Some(failure) = &step.failure {
            let failure = failure.to_string();
            tracing::error!(
                target: "audit", user, policy, failure = %cut(&mask_addresses(&failure), FAILURE),
                on_failure = ?self.config.on_failure, "the plugin failed"
            );
        }
        for refusal in &step.refusals {
            let refusal = serde_json::to_string(refusal).unwrap_or_default();
            tracing::warn!(
                target: "audit", user, policy, refusal = %mask_addresses(&refusal), "the guard refused"
            );
        }
        for LogLine { level, message } in &step.log {
            let message = mask_addresses(message);
            match level {
                LogLevel::Debug => tracing::debug!(target: "plugin", user, policy, "{message}"),
                LogLevel::Info => tracing::info!(target: "plugin", user, policy, "{message}"),
                LogLevel::Warn => tracing::warn!(target: "plugin", user, policy, "{message}"),
                LogLevel::Error => tracing::error!(target: "plugin", user, policy, "{message}"),
            }
        }
        for (stream, written) in [("stdout", &step.output.stdout), ("stderr", &step.output.stderr)] {
            let lines: Vec<&str> = written.lines().filter(|line| !line.trim().is_empty()).collect();
            let (left_out, last) = lines.split_at(lines.len().saturating_sub(OUTPUT_LINES));
            if !left_out.is_empty() {
                let left_out = left_out.len();
                tracing::info!(target: "plugin", user, policy, stream, left_out, "earlier lines are left out");
            }
            for line in last {
                let line = mask_addresses(line);
                tracing::info!(target: "plugin", user, policy, stream, "{}", cut(&line, OUTPUT_LINE));
            }
        }
    }
}
