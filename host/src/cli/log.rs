//! The log of a service, on standard error: one line per event.

mod field;
mod filter;
mod writer;

use std::fmt::{self, Debug};
use std::io::{self, Write};

use anstyle::Style;
use anyhow::anyhow;
use clap::ValueEnum;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::fmt::time::FormatTime;

use field::{present_field, present_line};
use writer::LogWriter;

use super::Exit;
use crate::ambient::Ambient;
use crate::model::Timestamp;
use crate::service::MissingLines;
use crate::terminal::{escape, escape_json};

/// The format of the log.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LogFormat {
    /// One line per event, for people
    Text,
    /// One JSON object per line
    Json,
}

/// The running log. Dropping it waits for the last lines.
pub(super) struct Log {
    lines: Option<LogWriter>,
    missing: MissingLines,
}

impl Log {
    /// Returns the counter of lines that could not be written.
    pub(super) fn missing(&self) -> MissingLines {
        self.missing.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.iter().for_each(LogWriter::flush);
    }
}

/// Starts logging.
///
/// # Errors
///
/// When `LIGATURE_LOG` is not a valid filter.
pub(super) fn start(format: LogFormat, ambient: &Ambient) -> Result<Log, Exit> {
    let text = std::env::var_os(filter::VARIABLE).unwrap_or_default();
    let filter = filter::parse(&text.to_string_lossy()).map_err(|why| Exit::unreadable(anyhow!(why)))?;
    let missing = MissingLines::default();
    let write_missing = match format {
        LogFormat::Text => format_missing_as_text,
        LogFormat::Json => format_missing_as_json,
    };
    let clock = ambient.clone();
    let format_missing = move |lines| write_missing(clock.now(), lines);
    // If the thread cannot be started, the tenant runs without a log.
    let lines = LogWriter::start(standard_error(), missing.clone(), format_missing).ok();
    if let Some(lines) = lines.clone() {
        // `log_internal_errors` would report write errors on standard error.
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .log_internal_errors(false)
            .with_timer(Timer(ambient.clone()));
        // Fails if logging has started before.
        let _ = match format {
            LogFormat::Text => {
                let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
                let fields = format::debug_fn(write_field).delimited(" ");
                log.with_ansi(colours).fmt_fields(fields).with_writer(move || lines.clone()).try_init()
            }
            LogFormat::Json => {
                log.json().flatten_event(true).with_writer(move || JsonWriter(lines.clone())).try_init()
            }
        };
    }
    Ok(Log { lines, missing })
}

/// The time at the beginning of a line.
struct Timer(Ambient);

impl FormatTime for Timer {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let micros = i64::try_from(self.0.since_epoch().as_micros()).unwrap_or(i64::MAX);
        let now = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
        write!(out, "{now:.6}")
    }
}

/// Opens standard error without the lock of `io::stderr`, which could block the program
/// when it prints an error at its end.
#[cfg(unix)]
fn standard_error() -> Box<dyn Write + Send> {
    use std::os::fd::AsFd;
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(own) => Box::new(std::fs::File::from(own)),
        Err(_) => Box::new(io::stderr()),
    }
}

#[cfg(not(unix))]
fn standard_error() -> Box<dyn Write + Send> {
    Box::new(io::stderr())
}

const MISSING: &str = "lines of the log are missing here: it could not be written";

fn format_missing_as_text(now: Timestamp, lines: u64) -> Vec<u8> {
    format!("{now}  WARN log: {MISSING} lines={lines}\n").into_bytes()
}

fn format_missing_as_json(now: Timestamp, lines: u64) -> Vec<u8> {
    let line = serde_json::json!({
        "timestamp": now.to_string(), "level": "WARN", "message": MISSING, "lines": lines,
        "target": "log",
    });
    format!("{line}\n").into_bytes()
}

/// Writes one field of an event or a span, escaped. The rest of a line, such as names
/// and targets, comes from the program's source.
fn write_field(out: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value = present_field(&value);
    let value = escape(&value);
    if field.name() == "message" {
        return out.write_str(&value);
    }
    let styled = |style: Style| if out.has_ansi_escapes() { style } else { Style::new() };
    let (name, equals) = (styled(Style::new().italic()), styled(Style::new().dimmed()));
    write!(out, "{name}{}{name:#}{equals}={equals:#}{value}", field.name())
}

/// A writer that gets whole lines of JSON, and escapes them.
struct JsonWriter(LogWriter);

impl Write for JsonWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut escaped = Vec::with_capacity(line.len());
        escape_json(&mut escaped, &present_line(&String::from_utf8_lossy(line)))?;
        self.0.write_line(escaped);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::field::MakeExt;
    use tracing_subscriber::fmt::format;

    use super::write_field;

    #[test]
    fn only_our_own_styles_are_in_a_coloured_line() {
        let written = tempfile::NamedTempFile::new().expect("a file");
        let log = tracing_subscriber::fmt()
            .with_ansi(true)
            .without_time()
            .fmt_fields(format::debug_fn(write_field).delimited(" "))
            .with_writer(Arc::new(written.reopen().expect("the file")))
            .finish();
        let hostile = "\u{1b}[31m\n\u{9b}2J\u{202e}";
        tracing::subscriber::with_default(log, || {
            let _inside = tracing::info_span!("login", user = %hostile).entered();
            tracing::warn!(target: "audit", failure = %hostile, user = hostile, "it says {hostile}");
        });
        let line = std::fs::read_to_string(written.path()).expect("text");
        let plain = anstream::adapter::strip_str(&line).to_string();
        let shown = r"\u{1b}[31m\n\u{9b}2J\u{202e}";
        assert_eq!(
            plain,
            format!(" WARN login{{user={shown}}}: audit: it says {shown} failure={shown} user=\"{shown}\"\n")
        );
        assert!(line.contains("\u{1b}[3mfailure\u{1b}[0m"), "{line:?}");
    }
}
