//! The arguments of the program, and the command that they select.

use clap::{Parser, Subcommand};

use super::exit::Outcome;
use super::{
    bench, compile_plugin, component, inspect, journal, migrate, new, policy, run, schema, serve, test,
    users, version,
};
use crate::ambient::Ambient;
use crate::sandbox::COMPILE_COMMAND;

/// Decides at login whether two accounts belong to one person, and links them safely.
///
/// The decision is a WebAssembly component; without --plugin it is the built-in
/// policy `link-users-by-email`.
#[derive(Debug, Parser)]
#[command(name = "ligature", version = version::text(), bin_name = "ligature", max_term_width = 100, after_help = AFTER_HELP)]
pub(super) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 done · 1 the plugin or the directory failed, or a snapshot differs · \
                          2 usage, or unreadable input\n\
                          Colours: on a terminal only; NO_COLOR=1 turns them off.";

/// The commands. Each is described at its arguments; a comment on a variant would hide
/// that description.
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

impl Cli {
    /// Runs the selected command.
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        match self.command {
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
        }
    }
}
