//! The way to standard output and error: nothing goes there but texts that have
//! come through the room `terminal`.

use std::io::Write;

use super::{Exit, Outcome};
use crate::terminal::{Json, Line, Text};

/// Prints to standard output. A reader that has gone away (`| head`) is no
/// error.
pub(super) fn print(text: &Text) -> Outcome {
    write(&text.with_styles())
}

/// Prints one line.
pub(super) fn print_line(line: impl Into<Line>) -> Outcome {
    print(&Text::one(line))
}

/// Prints JSON, and ends the line.
pub(super) fn print_json(json: &Json) -> Outcome {
    write(&format!("{json}\n"))
}

/// Prints to standard error, where nothing can be told of its failing.
pub(super) fn print_error(text: &Text) {
    let _ = anstream::stderr().write_all(text.with_styles().as_bytes());
}

fn write(text: &str) -> Outcome {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Exit::failed(error)),
        _ => Ok(()),
    }
}
