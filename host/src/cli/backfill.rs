//! `ligature backfill`.

mod apply;
mod dry_run;
mod explain;
mod lease_args;
mod policy_args;
mod preview;
mod report_folder;
mod run_summary;
mod selection_args;
mod status;
mod stop;
mod suggestions;
mod undo;
mod watch;

use super::CommandResult;
use crate::ambient::Ambient;

/// Find accounts with the same address that exist already, and link them
///
/// A preview decides and changes nothing. A person reviews its report. Then the plan is applied, and can
/// be undone.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Decide about all accounts with the same address, and change nothing
    Preview(preview::PreviewArgs),
    Apply(apply::ApplyArgs),
    Status(status::StatusArgs),
    Undo(undo::UndoArgs),
    Suggestions(suggestions::SuggestionsArgs),
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        match self.command {
            Command::Preview(args) => args.execute(ambient),
            Command::Apply(args) => args.execute(ambient),
            Command::Status(args) => args.execute(ambient),
            Command::Undo(args) => args.execute(ambient),
            Command::Suggestions(args) => args.execute(),
        }
    }
}
