//! `ligature backfill undo`.

use std::sync::atomic::Ordering;

use anyhow::anyhow;

use super::explain::explain;
use super::lease_args::LeaseArgs;
use super::policy_args::count_linking_threads;
use super::run_summary::{RunSummary, find_run, stopped_notice};
use super::selection_args::SelectionArgs;
use super::stop::stop_on_signals;
use super::watch::Watch;
use crate::ambient::Ambient;
use crate::backfill::{
    CLAIMED_GROUPS, Phase, Progress, RunUndo, RunWorker, Selection, UndoCounts, require_store,
};
use crate::cli::directory_args::{DirectoryArgs, operator};
use crate::cli::{CommandResult, Exit, print_error};
use crate::directory::{OpenMode, RunGroupState};
use crate::harness::group_thousands;

/// Undo the links of a run
///
/// The newest link of a group is undone first. A link that cannot be undone, such as one whose data was
/// erased, stays; `ligature backfill status RUN --groups` tells why, and the same command tries it again.
/// Groups that are not applied yet are not applied any more. After an undo, no login and no new plan
/// links the accounts for the policy's `unlink_cooldown_days`, which are 90 by default.
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
    /// The number of groups that are undone at a time. The default: one for each processor, but at
    /// least four
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    #[command(flatten)]
    lease: LeaseArgs,
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
        let run_id = find_run(store, &self.run)?;
        let before = RunSummary::read(store, &run_id)?;
        let watch = Watch::new(ambient, stop.clone());
        let open = [RunGroupState::Waiting, RunGroupState::Linked, RunGroupState::UndoRefused];
        watch.begin(Phase::Undo, Some(open.iter().map(|state| before.count(*state)).sum()));
        let worker = RunWorker {
            run_id: &run_id,
            store,
            threads: count_linking_threads(self.threads) as usize,
            claimed: CLAIMED_GROUPS,
            lease: self.lease.duration(),
            stop: &stop,
            progress: &watch,
            ambient,
        };
        let provenance = operator();
        let undo = RunUndo { directory: &directory, worker, selection: &selection, provenance: &provenance };
        let undone = undo.undo_groups();
        watch.finish();
        let summary = RunSummary::read(store, &run_id)?;
        let counts = undone.map_err(|error| {
            print_error(&stopped_notice(&summary, "the same command goes on"));
            explain(error)
        })?;
        summary.with_undo(counts.clone()).print(self.json)?;
        if stop.load(Ordering::SeqCst) {
            return Err(Exit::failed(anyhow!("the undo was stopped; the same command goes on")));
        }
        if counts.refused > 0 {
            let why = anyhow!(
                "groups that are not undone: {}; `ligature backfill status {run_id} --groups` tells why",
                group_thousands(counts.refused)
            );
            return Err(Exit::failed(why));
        }
        if counts == UndoCounts::default() && selection != Selection::default() {
            let why = anyhow!("the run has no linked or waiting group that the options select");
            return Err(Exit::unreadable(why));
        }
        Ok(())
    }
}
