//! `ligature backfill`.

mod apply;
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

use super::{CommandResult, Exit};
use crate::ambient::Ambient;
use crate::backfill::{BackfillError, PlanError};

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

/// Returns the exit of a failed backfill.
fn explain(error: BackfillError) -> Exit {
    match error {
        BackfillError::Directory(error) => error.into(),
        BackfillError::Plan(error) => error.into(),
        error @ (BackfillError::FileChanged
        | BackfillError::Spool(_)
        | BackfillError::Unwritable(_)
        | BackfillError::DamagedGroup(..)) => Exit::failed(error),
        error => Exit::unreadable(error),
    }
}

impl From<PlanError> for Exit {
    fn from(error: PlanError) -> Self {
        Self::unreadable(error)
    }
}
