//! Parsing the command line, and reporting its errors.

use std::borrow::Cow;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches};

use super::arguments::{AFTER_HELP, Cli};
use super::{UNREADABLE, absent, print_error};
use crate::terminal::{Text, bad, escape, line};

/// Returns the definition of the command line: the arguments, and an environment variable
/// for every flag of a service.
pub(super) fn command() -> clap::Command {
    let command = match absent::describe_absent() {
        Some(note) => Cli::command().after_help(format!("{AFTER_HELP}\n{note}")),
        None => Cli::command(),
    };
    command.mut_subcommands(|command| {
        let is_service = ["hook", "serve"].contains(&command.get_name());
        if !is_service {
            return command;
        }
        command.mut_args(|arg| match variable_of_flag(arg.get_id().as_str()) {
            Some(variable) => arg.env(variable).hide_env_values(true),
            None => arg,
        })
    })
}

/// Returns the environment variable of a flag of `serve` and `hook`. The other flags are for one
/// start only, or have a variable in every command.
fn variable_of_flag(flag: &str) -> Option<&'static str> {
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
        "record" => "LIGATURE_RECORD",
        "record_one_in" => "LIGATURE_RECORD_ONE_IN",
        "record_files" => "LIGATURE_RECORD_FILES",
        "record_mib" => "LIGATURE_RECORD_MIB",
        "mask_addresses" => "LIGATURE_MASK_ADDRESSES",
        "decisions" => "LIGATURE_DECISIONS",
        "decision_days" => "LIGATURE_DECISION_DAYS",
        "decisions_most" => "LIGATURE_DECISIONS_MOST",
        "policies" => "LIGATURE_POLICIES",
        "listen" => "LIGATURE_HOOK_LISTEN",
        "confirm_url" => "LIGATURE_CONFIRM_URL",
        "confirm_tenant" => "LIGATURE_CONFIRM_TENANT",
        "confirm_connection" => "LIGATURE_CONFIRM_CONNECTION",
        "console_url" => "LIGATURE_CONSOLE_URL",
        "console_issuer" => "LIGATURE_CONSOLE_ISSUER",
        "console_operator" => "LIGATURE_CONSOLE_OPERATOR",
        "console_operators" => "LIGATURE_CONSOLE_OPERATORS",
        "secret_file" | "hook_secret_file" => "LIGATURE_HOOK_SECRET_FILE",
        "tls_certificate" => "LIGATURE_HOOK_TLS_CERTIFICATE",
        "tls_key" => "LIGATURE_HOOK_TLS_KEY",
        "on_failure" => "LIGATURE_HOOK_ON_FAILURE",
        "concurrent_logins" => "LIGATURE_HOOK_CONCURRENT_LOGINS",
        "waiting_logins" => "LIGATURE_HOOK_WAITING_LOGINS",
        _ => return None,
    })
}

/// Parses the command line. Prints the help or the error, and returns the exit code, if
/// there is nothing to run.
pub(super) fn parse() -> Result<Cli, ExitCode> {
    let parsed = command().try_get_matches().and_then(|matches| {
        check_unused_options(&matches)?;
        Cli::from_arg_matches(&matches)
    });
    parsed.map_err(|error| {
        if error.use_stderr() {
            print_error(&format_error(error));
            return ExitCode::from(UNREADABLE);
        }
        // Help and version contain no foreign text.
        let _ = error.print();
        ExitCode::SUCCESS
    })
}

/// Refuses directory options when a case is run or recorded, which has a directory of its own. An
/// environment variable is not refused, because it is meant for other commands.
fn check_unused_options(matches: &clap::ArgMatches) -> Result<(), clap::Error> {
    let Some((name @ ("run" | "record"), run)) = matches.subcommand() else { return Ok(()) };
    let is_written = |id: &&str| run.value_source(id) == Some(ValueSource::CommandLine);
    let unused = ["directory", "journal_key", "journal_days"].into_iter().find(is_written);
    match unused.filter(|_| run.contains_id("case")) {
        None => Ok(()),
        Some(id) => {
            let message = format!(
                "'--{}' is for --event: a case is decided in a directory of its own",
                id.replace('_', "-")
            );
            let mut command = command();
            command.build();
            let run = command.find_subcommand_mut(name);
            Err(run
                .map_or_else(clap::Command::default, |it| it.clone())
                .error(ErrorKind::ArgumentConflict, message))
        }
    }
}

/// Formats an error of clap. It repeats arguments unescaped, so they are escaped before
/// the message is split into lines.
fn format_error(mut error: clap::Error) -> Text {
    if let Some(text) = absent::explain_error(&error) {
        return text;
    }
    let of_variable = find_variable(&error);
    if let Some(text) = format_invalid_value(&error) {
        return text;
    }
    let repeated: Vec<(ContextKind, ContextValue)> =
        error.context().filter_map(|(kind, value)| Some((kind, escape_value(value)?))).collect();
    if !repeated.is_empty() {
        // clap's suggestions repeat the argument in a text that may have several lines.
        error.remove(ContextKind::Suggested);
    }
    for (kind, value) in repeated {
        error.insert(kind, value);
    }
    let mut text = Text::default();
    for (number, words) in error.render().to_string().lines().enumerate() {
        match words.strip_prefix("error: ").filter(|_| number == 0) {
            Some(what) => text.line(line![bad("error:").bold(), " ", what]),
            None => text.line(words),
        }
    }
    if let Some(variable) = of_variable {
        text.line(format!("The value is that of the environment variable {variable}."));
    }
    text
}

/// Returns the environment variable that a refused value comes from.
fn find_variable(error: &clap::Error) -> Option<String> {
    let (ContextValue::String(option), ContextValue::String(value)) =
        (error.get(ContextKind::InvalidArg)?, error.get(ContextKind::InvalidValue)?)
    else {
        return None;
    };
    fn find_in(command: &clap::Command, option: &str, value: &str) -> Option<String> {
        let is_it = |arg: &&clap::Arg| {
            let set = arg.get_env().and_then(std::env::var_os);
            arg.to_string() == option && set.is_some_and(|it| it.to_string_lossy() == value)
        };
        let of_it = command.get_arguments().find(is_it).and_then(clap::Arg::get_env);
        let name = of_it.map(|it| it.to_string_lossy().into_owned());
        name.or_else(|| command.get_subcommands().find_map(|sub| find_in(sub, option, value)))
    }
    let flag = option.split(' ').next().unwrap_or_default();
    let is_typed = |arg: std::ffi::OsString| {
        let arg = arg.to_string_lossy().into_owned();
        arg == flag || arg.starts_with(&format!("{flag}="))
    };
    let is_written = std::env::args_os().skip(1).any(is_typed);
    // Arguments have their names only after the command is built.
    let mut command = command();
    command.build();
    find_in(&command, option, value).filter(|_| !is_written)
}

/// Translates a parser's message into plain words.
fn simplify_words(why: &str) -> String {
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

/// Formats the error of a value's own parser. Its message is foreign text, and may repeat
/// the value, which is then not added.
fn format_invalid_value(error: &clap::Error) -> Option<Text> {
    let why = std::error::Error::source(error).filter(|_| error.kind() == ErrorKind::ValueValidation)?;
    let why = why.to_string();
    let (ContextValue::String(option), ContextValue::String(value)) =
        (error.get(ContextKind::InvalidArg)?, error.get(ContextKind::InvalidValue)?)
    else {
        return None;
    };
    let value = if why.contains(value.as_str()) { String::new() } else { format!(" '{value}'") };
    let why = simplify_words(&why);
    let from =
        find_variable(error).map(|it| format!(", from the environment variable {it}")).unwrap_or_default();
    let mut text = Text::from_line(line![
        bad("error:").bold(),
        format!(" invalid value{value} for '{option}'{from}: {why}")
    ]);
    text.line("");
    text.line("For more information, try '--help'.");
    Some(text)
}

/// Escapes a value. Returns none if nothing needs escaping.
fn escape_value(value: &ContextValue) -> Option<ContextValue> {
    let changed = |text: &String| matches!(escape(text), Cow::Owned(_));
    match value {
        ContextValue::String(text) if changed(text) => Some(ContextValue::String(escape(text).into_owned())),
        ContextValue::Strings(texts) if texts.iter().any(changed) => {
            Some(ContextValue::Strings(texts.iter().map(|it| escape(it).into_owned()).collect()))
        }
        _ => None,
    }
}
