//! The arguments of the program, and the command that they select.

use clap::{Parser, Subcommand};

#[cfg(feature = "backfill")]
use super::backfill;
use super::exit::CommandResult;
#[cfg(feature = "hook-command")]
use super::hook;
#[cfg(feature = "serve")]
use super::serve;
#[cfg(all(feature = "_sql", feature = "transfer"))]
use super::users;
use super::{
    bench, compile_plugin, component, inspect, new, policy, record, replay, run, schema, test, version,
};
#[cfg(feature = "_sql")]
use super::{conflicts, decisions, journal, migrate};
use crate::ambient::Ambient;
use crate::sandbox::COMPILE_COMMAND;

/// Decides at login whether two accounts belong to one person, and links them safely.
///
/// The decision is a WebAssembly component; without --plugin it is the built-in
/// policy `link-users-by-email`.
#[derive(Debug, Parser)]
#[command(name = "ligature", version = version::version_text(), bin_name = "ligature", max_term_width = 100, after_help = AFTER_HELP)]
pub(super) struct Cli {
    #[command(subcommand)]
    command: Command,
}

pub(super) const AFTER_HELP: &str = "Exit codes: 0 done · 1 the plugin or the directory failed, or a snapshot differs · \
                          2 usage, or unreadable input · 3 a replay differs from its recording\n\
                          Colours: on a terminal only; NO_COLOR=1 turns them off.";

/// The commands. Each is described at its arguments; a comment on a variant would hide
/// that description.
#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    New(new::Args),
    Component(component::Args),
    Test(test::Args),
    Record(record::Args),
    Replay(replay::Args),
    #[cfg(feature = "serve")]
    Serve(serve::Args),
    #[cfg(feature = "hook-command")]
    Hook(Box<hook::Args>),
    #[cfg(all(feature = "_sql", feature = "transfer"))]
    Users(users::Args),
    #[cfg(feature = "backfill")]
    Backfill(backfill::Args),
    #[cfg(feature = "_sql")]
    Journal(journal::Args),
    #[cfg(feature = "_sql")]
    Undo(journal::UndoArgs),
    #[cfg(feature = "_sql")]
    Decisions(decisions::Args),
    #[cfg(feature = "_sql")]
    Conflicts(conflicts::Args),
    #[cfg(feature = "_sql")]
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
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        match self.command {
            Command::Run(args) => args.execute(ambient),
            Command::Component(args) => args.execute(),
            Command::New(args) => args.execute(),
            Command::Test(args) => args.execute(ambient),
            Command::Record(args) => args.execute(ambient),
            Command::Replay(args) => args.execute(ambient),
            #[cfg(feature = "serve")]
            Command::Serve(args) => args.execute(ambient),
            #[cfg(feature = "hook-command")]
            Command::Hook(args) => args.execute(ambient),
            #[cfg(all(feature = "_sql", feature = "transfer"))]
            Command::Users(args) => args.execute(ambient),
            #[cfg(feature = "backfill")]
            Command::Backfill(args) => args.execute(ambient),
            #[cfg(feature = "_sql")]
            Command::Journal(args) => args.execute(ambient),
            #[cfg(feature = "_sql")]
            Command::Undo(args) => args.execute(ambient),
            #[cfg(feature = "_sql")]
            Command::Decisions(args) => args.execute(ambient),
            #[cfg(feature = "_sql")]
            Command::Conflicts(args) => args.execute(ambient),
            #[cfg(feature = "_sql")]
            Command::Migrate(args) => args.execute(ambient),
            Command::Policy(args) => args.execute(ambient),
            Command::Inspect(args) => args.execute(ambient),
            Command::Bench(args) => args.execute(ambient),
            Command::Schema(args) => args.execute(ambient),
            Command::CompilePlugin => compile_plugin::execute(),
        }
    }
}
