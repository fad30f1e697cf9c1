//! The log of `ligature serve`, on standard error: one event, one line.

mod filter;
mod lines;

use std::fmt::{self, Debug};
use std::io::{self, Write};

use anstyle::Style;
use anyhow::anyhow;
use clap::ValueEnum;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::fmt::time::FormatTime;

use lines::Lines;

use super::Exit;
use crate::ambient::Ambient;
use crate::model::Timestamp;
use crate::tenant::MissingLines;
use crate::terminal::{escape, escape_json};

/// The form of a line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// A log. Its last lines are waited for when it is dropped.
pub(super) struct Log {
    lines: Option<Lines>,
    missing: MissingLines,
}

impl Log {
    /// The lines that could not be written.
    pub(super) fn missing(&self) -> MissingLines {
        self.missing.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.iter().for_each(Lines::flush);
    }
}

/// Begins to log.
///
/// # Errors
///
/// When `LIGATURE_LOG` says of no level what is to be logged.
pub(super) fn start(format: Format, ambient: &Ambient) -> Result<Log, Exit> {
    let said = std::env::var_os(filter::VARIABLE).unwrap_or_default();
    let filter = filter::read(&said.to_string_lossy()).map_err(|why| Exit::unreadable(anyhow!(why)))?;
    let missing = MissingLines::default();
    let write_missing = match format {
        Format::Text => missing_text,
        Format::Json => missing_json,
    };
    let clock = ambient.clone();
    let told = move |lines| write_missing(clock.now(), lines);
    // Without a thread there is no log, and a tenant all the same.
    let lines = Lines::to(standard_error(), missing.clone(), told).ok();
    if let Some(lines) = lines.clone() {
        // A fault of writing a line would be told on standard error.
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .log_internal_errors(false)
            .with_timer(Timer(ambient.clone()));
        // Fails where there is a log already.
        let _ = match format {
            Format::Text => {
                let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
                let fields = format::debug_fn(field).delimited(" ");
                log.with_ansi(colours).fmt_fields(fields).with_writer(move || lines.clone()).try_init()
            }
            Format::Json => {
                log.json().flatten_event(true).with_writer(move || JsonLines(lines.clone())).try_init()
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

/// Standard error, without the lock that whoever prints an error at the end
/// would wait for.
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

fn missing_text(now: Timestamp, lines: u64) -> Vec<u8> {
    format!("{now}  WARN log: {MISSING} lines={lines}\n").into_bytes()
}

fn missing_json(now: Timestamp, lines: u64) -> Vec<u8> {
    let line = serde_json::json!({
        "timestamp": now.to_string(), "level": "WARN", "message": MISSING, "lines": lines,
        "target": "log",
    });
    format!("{line}\n").into_bytes()
}

/// One field of an event or a span. What else is in a line, names and targets,
/// stands in the program.
fn field(out: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value = escape(&value);
    if field.name() == "message" {
        return out.write_str(&value);
    }
    let styled = |style: Style| if out.has_ansi_escapes() { style } else { Style::new() };
    let (name, equals) = (styled(Style::new().italic()), styled(Style::new().dimmed()));
    write!(out, "{name}{}{name:#}{equals}={equals:#}{value}", field.name())
}

/// The log, to which whole lines of JSON are written.
struct JsonLines(Lines);

impl Write for JsonLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut escaped = Vec::with_capacity(line.len());
        escape_json(&mut escaped, &String::from_utf8_lossy(line))?;
        self.0.put(escaped);
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

    use super::field;

    #[test]
    fn only_our_own_styles_are_in_a_coloured_line() {
        let written = tempfile::NamedTempFile::new().expect("a file");
        let log = tracing_subscriber::fmt()
            .with_ansi(true)
            .without_time()
            .fmt_fields(format::debug_fn(field).delimited(" "))
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
