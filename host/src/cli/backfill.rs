//! `ligature backfill`.

mod preview;
mod report_folder;
mod watch;

use super::CommandResult;
use crate::ambient::Ambient;

/// Find accounts with the same address that exist already, and decide about them
///
/// A preview changes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Decide about all accounts with the same address, and change nothing
    Preview(preview::PreviewArgs),
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        match self.command {
            Command::Preview(args) => args.execute(ambient),
        }
    }
}
