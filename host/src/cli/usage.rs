//! The command line, and what is told of one that is wrong.

use std::borrow::Cow;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
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
    let parsed = command().try_get_matches().and_then(|matches| {
        refuse_unused(&matches)?;
        Cli::from_arg_matches(&matches)
    });
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

/// Refuses options of a directory where a case is run, in one of its own. A variable
/// of the environment is meant for other commands.
fn refuse_unused(matches: &clap::ArgMatches) -> Result<(), clap::Error> {
    let Some(("run", run)) = matches.subcommand() else { return Ok(()) };
    let is_written = |id: &&str| run.value_source(id) == Some(ValueSource::CommandLine);
    let unused = ["directory", "journal_key", "journal_days"].into_iter().find(is_written);
    match unused.filter(|_| run.contains_id("case")) {
        None => Ok(()),
        Some(id) => {
            let told = format!(
                "'--{}' is for --event: a case is decided in a directory of its own",
                id.replace('_', "-")
            );
            let mut command = command();
            command.build();
            let run = command.find_subcommand_mut("run");
            Err(run
                .map_or_else(clap::Command::default, |it| it.clone())
                .error(ErrorKind::ArgumentConflict, told))
        }
    }
}

/// clap's words about a mistake. It repeats arguments as they are: they are
/// escaped before its words are split into lines.
fn told(mut error: clap::Error) -> Text {
    let of_variable = variable_of(&error);
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
    if let Some(variable) = of_variable {
        text.line(format!("The value is that of the environment variable {variable}."));
    }
    text
}

/// The environment variable that a refused value comes from.
fn variable_of(error: &clap::Error) -> Option<String> {
    let (ContextValue::String(option), ContextValue::String(value)) =
        (error.get(ContextKind::InvalidArg)?, error.get(ContextKind::InvalidValue)?)
    else {
        return None;
    };
    fn found(command: &clap::Command, (option, value): (&str, &str)) -> Option<String> {
        let is_it = |arg: &&clap::Arg| {
            let set = arg.get_env().and_then(std::env::var_os);
            arg.to_string() == option && set.is_some_and(|it| it.to_string_lossy() == value)
        };
        let of_it = command.get_arguments().find(is_it).and_then(clap::Arg::get_env);
        let name = of_it.map(|it| it.to_string_lossy().into_owned());
        name.or_else(|| command.get_subcommands().find_map(|sub| found(sub, (option, value))))
    }
    let flag = option.split(' ').next().unwrap_or_default();
    let is_typed = |arg: std::ffi::OsString| {
        let arg = arg.to_string_lossy().into_owned();
        arg == flag || arg.starts_with(&format!("{flag}="))
    };
    let is_written = std::env::args_os().skip(1).any(is_typed);
    // An argument has its name once its command is built.
    let mut command = command();
    command.build();
    found(&command, (option, value)).filter(|_| !is_written)
}

/// A parser's words in plain ones.
fn in_plain_words(why: &str) -> String {
    const NUMBER: &str = "expected a whole number";
    if let Some((low, high)) = why.split_once(" is not in ").and_then(|it| it.1.split_once("..")) {
        return format!("{NUMBER} from {low} to {}", high.trim_start_matches('='));
    }
    match why {
        "invalid digit found in string" | "cannot parse integer from empty string" => NUMBER.to_owned(),
        "number too large to fit in target type" => "the number is too large".to_owned(),
        "number too small to fit in target type" => format!("{NUMBER}, 0 or more"),
        why => why.to_owned(),
    }
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
    let why = in_plain_words(&why);
    let from =
        variable_of(error).map(|it| format!(", from the environment variable {it}")).unwrap_or_default();
    let mut text =
        Text::one(line![bad("error:").bold(), format!(" invalid value{value} for '{option}'{from}: {why}")]);
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
