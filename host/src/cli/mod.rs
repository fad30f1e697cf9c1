//! The program `ligature`: one file per command, and nothing of its own.

mod bench;
mod compile_plugin;
mod component;
mod deciding;
mod directory;
mod exit;
mod ids;
mod inspect;
mod journal;
mod journal_list;
mod limits_file;
mod log;
mod migrate;
mod new;
mod output;
mod output_file;
mod panics;
mod plugin;
mod policy;
#[cfg(test)]
mod reference;
mod run;
mod schema;
mod serve;
mod test;
mod usage;
mod user_changes;
mod user_list;
mod users;
mod version;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::exit::{Exit, FAILED, Outcome, UNREADABLE};
use self::output::{print, print_error, print_json, print_line};
use crate::ambient::Ambient;
use crate::sandbox::COMPILE_COMMAND;
use crate::terminal::{Text, bad, line};

/// Decides, at login, whether two accounts belong to one person, and links
/// them safely.
///
/// The decision is a WebAssembly component; without --plugin it is the built-in
/// policy `link-users-by-email`.
#[derive(Debug, Parser)]
#[command(name = "ligature", version = version::text(), bin_name = "ligature", max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 done · 1 the plugin or the directory failed, or a snapshot differs · \
                          2 usage, or unreadable input\n\
                          Colours: on a terminal only; NO_COLOR=1 turns them off.";

/// Each is described where its arguments are: a comment here would hide that.
#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    New(new::Args),
    Component(component::Args),
    Test(test::Args),
    Serve(serve::Args),
    Users(users::Args),
    Journal(journal::Args),
    Undo(journal::UndoArgs),
    Migrate(migrate::Args),
    Policy(policy::Args),
    Inspect(inspect::Args),
    Bench(bench::Args),
    Schema(schema::Args),
    /// Compile a plugin for the process that started this one
    #[command(hide = true, name = COMPILE_COMMAND)]
    CompilePlugin,
}

/// Does what the command line says.
#[must_use]
pub fn run(ambient: &Ambient) -> ExitCode {
    panics::tell();
    match usage::parse() {
        Ok(cli) => cli.execute(ambient),
        Err(code) => code,
    }
}

impl Cli {
    fn execute(self, ambient: &Ambient) -> ExitCode {
        let done = match self.command {
            Command::Run(args) => args.execute(ambient),
            Command::Component(args) => args.execute(),
            Command::New(args) => args.execute(),
            Command::Test(args) => args.execute(ambient),
            Command::Serve(args) => args.execute(ambient),
            Command::Users(args) => args.execute(ambient),
            Command::Journal(args) => args.execute(ambient),
            Command::Undo(args) => args.execute(ambient),
            Command::Migrate(args) => args.execute(ambient),
            Command::Policy(args) => args.execute(ambient),
            Command::Inspect(args) => args.execute(ambient),
            Command::Bench(args) => args.execute(ambient),
            Command::Schema(args) => args.execute(ambient),
            Command::CompilePlugin => compile_plugin::execute(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(Exit { code, error }) => {
                if let Some(error) = error {
                    print_error(&Text::one(line![bad("error:").bold(), " ", sentence(&error)]));
                }
                ExitCode::from(code)
            }
        }
    }
}

/// An error and its causes. One that an error names itself is told once.
fn sentence(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::sentence;
    use crate::tenant::ServeError;

    #[test]
    fn a_cause_that_an_error_names_itself_is_told_once() {
        let why = || std::io::Error::other("no power");
        assert_eq!(sentence(&ServeError::Stopped(why()).into()), "the server stopped: no power");
        let error = Err::<(), _>(why()).context("case.json").unwrap_err();
        assert_eq!(sentence(&error), "case.json: no power");
    }
}
