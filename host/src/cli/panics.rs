//! A panic of the host, told as every other text is: its message may repeat
//! what others wrote.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use super::print_error;
use crate::terminal::{Text, bad, line};

/// Tells panics from now on, in the log where there is one.
pub(super) fn tell() {
    std::panic::set_hook(Box::new(|panic| {
        let (place, message) = (place(panic), panic.payload_as_str().unwrap_or("it says nothing"));
        let backtrace = Backtrace::capture();
        if tracing::dispatcher::has_been_set() {
            let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
            tracing::error!(place, panic = message, backtrace, "the program panicked");
        } else {
            print_error(&told(&place, message, &backtrace));
        }
    }));
}

fn place(panic: &PanicHookInfo) -> String {
    panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string)
}

fn told(place: &str, message: &str, backtrace: &Backtrace) -> Text {
    let mut text =
        Text::one(line![bad("error:").bold(), format!(" the program panicked at {place}: {message}")]);
    match backtrace.status() {
        BacktraceStatus::Captured => {
            text.line("stack backtrace:");
            backtrace.to_string().lines().for_each(|frame| text.line(frame));
        }
        _ => text.line("  RUST_BACKTRACE=1 tells more"),
    }
    text
}

#[cfg(test)]
mod tests {
    use std::backtrace::Backtrace;

    use super::told;

    #[test]
    fn a_panic_is_told_harmlessly() {
        let text =
            told("host/src/a.rs:1:2", "no `\u{1b}[2J\n\u{202e}`", &Backtrace::disabled()).with_styles();
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "error: the program panicked at host/src/a.rs:1:2: no `\\u{1b}[2J\\n\\u{202e}`\n  RUST_BACKTRACE=1 tells more\n"
        );
    }
}
