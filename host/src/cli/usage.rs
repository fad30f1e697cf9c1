//! The command line, and what is told of one that is wrong.

use std::borrow::Cow;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use super::{Cli, UNREADABLE, print_error};
use crate::terminal::{Text, bad, escape, line};

/// The command line as it is: that of the arguments, and a variable of the
/// environment for every flag that a service needs.
pub(super) fn command() -> clap::Command {
    Cli::command().mut_subcommands(|command| {
        if command.get_name() != "serve" {
            return command;
        }
        command.mut_args(|arg| match variable(arg.get_id().as_str()) {
            Some(variable) => arg.env(variable).hide_env_values(true),
            None => arg,
        })
    })
}

/// The variable of a flag of `serve`. The others are for one start alone, or have
/// one for every command.
fn variable(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "config" => "LIGATURE_CONFIG",
        "policy" => "LIGATURE_POLICY",
        "plugin" => "LIGATURE_PLUGIN",
        "wasi" => "LIGATURE_WASI",
        "limits" => "LIGATURE_LIMITS",
        "fuel" => "LIGATURE_FUEL",
        "memory" => "LIGATURE_MEMORY",
        "port" => "LIGATURE_PORT",
        "tls_port" => "LIGATURE_TLS_PORT",
        "log_format" => "LIGATURE_LOG_FORMAT",
        _ => return None,
    })
}

/// Reads the command line. Where it asks for help, or is wrong, that is told
/// here, and the exit code comes back.
pub(super) fn parse() -> Result<Cli, ExitCode> {
    let parsed = command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
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
    if !repeated.is_empty() {
        // Tips repeat the argument in a text of clap's own, which may have lines.
        error.remove(ContextKind::Suggested);
    }
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

/// None where nothing in it has to be escaped.
fn escaped(value: &ContextValue) -> Option<ContextValue> {
    let changed = |text: &String| matches!(escape(text), Cow::Owned(_));
    match value {
        ContextValue::String(text) if changed(text) => Some(ContextValue::String(escape(text).into_owned())),
        ContextValue::Strings(texts) if texts.iter().any(changed) => {
            Some(ContextValue::Strings(texts.iter().map(|it| escape(it).into_owned()).collect()))
        }
        _ => None,
    }
}
