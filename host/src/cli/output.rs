//! Printing to standard output and standard error. Only texts from the room `terminal`
//! can be printed, which are escaped.

use std::io::Write;

use super::{CommandResult, Exit};
use crate::terminal::{Json, Line, Text, bad, line};

/// Prints to standard output. A closed pipe (`| head`) is not an error.
pub(super) fn print(text: &Text) -> CommandResult {
    write(&text.with_styles())
}

/// Prints one line.
pub(super) fn print_line(line: impl Into<Line>) -> CommandResult {
    print(&Text::from_line(line))
}

/// Prints JSON and a line end.
pub(super) fn print_json(json: &Json) -> CommandResult {
    write(&format!("{json}\n"))
}

/// Prints to standard error. A failure is ignored, because it cannot be reported.
pub(super) fn print_error(text: &Text) {
    let _ = anstream::stderr().write_all(text.with_styles().as_bytes());
}

/// Prints an error about a part of the input to standard error.
pub(super) fn print_fault(part: &str, why: &str) {
    print_error(&Text::from_line(line![bad("error:").bold(), " ", format!("{part}: {why}")]));
}

fn write(text: &str) -> CommandResult {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Exit::failed(error)),
        _ => Ok(()),
    }
}
