//! `ligature backfill undo`.

use std::sync::atomic::Ordering;

use anyhow::anyhow;

use super::explain::explain;
use super::run_summary::RunSummary;
use super::selection_args::SelectionArgs;
use super::stop::stop_on_signals;
use super::watch::Watch;
use crate::ambient::Ambient;
use crate::backfill::{CLAIMED_GROUPS, Phase, Progress, RunUndo, RunWorker, require_store};
use crate::cli::directory_args::{DirectoryArgs, operator};
use crate::cli::{CommandResult, Exit};
use crate::directory::{OpenMode, RunGroupState};

/// Undo the links of a run
///
/// The newest link of a group is undone first. A link that cannot be undone, such as one whose data was
/// erased, is reported, and stays. The same command goes on where it was interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature backfill undo 5ff860bf1190596c --directory sqlite:users.db")]
pub(super) struct UndoArgs {
    /// The id of the run
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    directory: DirectoryArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

impl UndoArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let selection = self.selection.read()?;
        let directory = self.directory.open(OpenMode::Existing, ambient)?;
        let store = require_store(&*directory).map_err(explain)?;
        let stop = stop_on_signals()?;
        let before = RunSummary::read(store, &self.run)?;
        let watch = Watch::new(ambient, stop.clone());
        watch.begin(Phase::Undo, Some(before.count(RunGroupState::Linked)));
        let worker = RunWorker {
            run_id: &self.run,
            store,
            threads: 1,
            claimed: CLAIMED_GROUPS,
            stop: &stop,
            progress: &watch,
            ambient,
        };
        let provenance = operator();
        let undo = RunUndo { directory: &directory, worker, selection: &selection, provenance: &provenance };
        let undone = undo.undo_groups();
        watch.finish();
        undone.map_err(explain)?;
        RunSummary::read(store, &self.run)?.print(self.json)?;
        if stop.load(Ordering::SeqCst) {
            return Err(Exit::failed(anyhow!("the undo was stopped; the same command goes on")));
        }
        Ok(())
    }
}
