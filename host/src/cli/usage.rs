//! The command line, and what is told of one that is wrong.

use std::process::ExitCode;

use clap::Parser;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Cli, UNREADABLE, print_error};
use crate::terminal::{Text, bad, escape, line};

/// Reads the command line. Where it asks for help, or is wrong, that is told
/// here, and the exit code comes back.
pub(super) fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        if error.use_stderr() {
            print_error(&told(error));
            return ExitCode::from(UNREADABLE);
        }
        // Help and version: nothing foreign is in them.
        let _ = error.print();
        ExitCode::SUCCESS
    })
}

/// clap's words about a mistake. It repeats arguments as they are: they are
/// escaped before its words are split into lines.
fn told(mut error: clap::Error) -> Text {
    if let Some(told) = invalid_value(&error) {
        return told;
    }
    let repeated: Vec<(ContextKind, ContextValue)> =
        error.context().filter_map(|(kind, value)| Some((kind, escaped(value)?))).collect();
    for (kind, value) in repeated {
        error.insert(kind, value);
    }
    let mut text = Text::default();
    for (number, told) in error.render().to_string().lines().enumerate() {
        match told.strip_prefix("error: ").filter(|_| number == 0) {
            Some(what) => text.line(line![bad("error:").bold(), " ", what]),
            None => text.line(told),
        }
    }
    text
}

/// A value that its own parser refuses. The parser's words are foreign as a
/// whole, and may repeat the value; it is told once.
fn invalid_value(error: &clap::Error) -> Option<Text> {
    let why = std::error::Error::source(error).filter(|_| error.kind() == ErrorKind::ValueValidation)?;
    let why = why.to_string();
    let (ContextValue::String(option), ContextValue::String(value)) =
        (error.get(ContextKind::InvalidArg)?, error.get(ContextKind::InvalidValue)?)
    else {
        return None;
    };
    let value = if why.contains(value.as_str()) { String::new() } else { format!(" '{value}'") };
    let mut text =
        Text::one(line![bad("error:").bold(), format!(" invalid value{value} for '{option}': {why}")]);
    text.line("");
    text.line("For more information, try '--help'.");
    Some(text)
}

/// None where there is nothing foreign in it.
fn escaped(value: &ContextValue) -> Option<ContextValue> {
    let one = |text: &str| escape(text).into_owned();
    Some(match value {
        ContextValue::String(text) => ContextValue::String(one(text)),
        ContextValue::Strings(texts) => ContextValue::Strings(texts.iter().map(|it| one(it)).collect()),
        // Tips, which repeat arguments too. The usage is a single one.
        ContextValue::StyledStrs(texts) => {
            ContextValue::StyledStrs(texts.iter().map(|it| StyledStr::from(one(&it.to_string()))).collect())
        }
        _ => return None,
    })
}
