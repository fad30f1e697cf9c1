//! Reporting a panic of the host. Its message is escaped like every other text, because it
//! may contain foreign text.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use super::print_error;
use crate::terminal::{Text, bad, line};

/// Installs a hook that reports panics, in the log if there is one.
pub(super) fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let (place, message) = (find_place(panic), panic.payload_as_str().unwrap_or("it says nothing"));
        let backtrace = Backtrace::capture();
        if tracing::dispatcher::has_been_set() {
            let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
            tracing::error!(place, panic = message, backtrace, "the program panicked");
        } else {
            print_error(&format_panic(&place, message, &backtrace));
        }
    }));
}

fn find_place(panic: &PanicHookInfo) -> String {
    panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string)
}

fn format_panic(place: &str, message: &str, backtrace: &Backtrace) -> Text {
    let mut text =
        Text::from_line(line![bad("error:").bold(), format!(" the program panicked at {place}: {message}")]);
    match backtrace.status() {
        BacktraceStatus::Captured => {
            text.line("stack backtrace:");
            backtrace.to_string().lines().for_each(|frame| text.line(frame));
        }
        _ => text.line("  RUST_BACKTRACE=1 shows more"),
    }
    text
}

#[cfg(test)]
mod tests {
    use std::backtrace::Backtrace;

    use super::format_panic;

    #[test]
    fn a_panic_is_escaped() {
        let text = format_panic("host/src/a.rs:1:2", "no `\u{1b}[2J\n\u{202e}`", &Backtrace::disabled())
            .with_styles();
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "error: the program panicked at host/src/a.rs:1:2: no `\\u{1b}[2J\\n\\u{202e}`\n  RUST_BACKTRACE=1 shows more\n"
        );
    }
}
