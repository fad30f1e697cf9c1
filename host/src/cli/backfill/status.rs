//! `ligature backfill status`.

use serde_json::json;

use super::explain::explain;
use super::run_summary::{RUNS, RunSummary, find_run, name};
use crate::ambient::Ambient;
use crate::backfill::require_store;
use crate::cli::directory_args::DirectoryArgs;
use crate::cli::{CommandResult, Exit, print};
use crate::directory::{BackfillStore, OpenMode, RunGroup, RunGroupState};
use crate::harness::group_thousands;
use crate::terminal::{Json, Text};

/// The number of groups that are read at a time.
const PAGE: usize = 500;

/// Show how far a run is, or list the runs
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// The id of the run, or its beginning; without it, the runs are listed
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// List the groups that were left out, undone, or could not be undone, each with its reason or with
    /// what the undo did not restore
    #[arg(long, requires = "run")]
    groups: bool,
    /// Print JSON instead of lines
    #[arg(long, requires = "run")]
    json: bool,
}

impl StatusArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ReadOnly, ambient)?;
        let store = require_store(&*directory).map_err(explain)?;
        match &self.run {
            Some(run) if self.groups => list_groups(store, &find_run(store, run)?, self.json),
            Some(run) => RunSummary::read(store, &find_run(store, run)?)?.print(self.json),
            None => list_runs(store),
        }
    }
}

fn list_runs(store: &dyn BackfillStore) -> CommandResult {
    let mut text = Text::default();
    let runs = store.runs(RUNS)?;
    if runs.is_empty() {
        text.line("There is no run yet; `ligature backfill apply` begins one.");
    }
    for run in runs {
        let summary = RunSummary::read(store, &run.run_id)?;
        let count = |state| {
            (summary.count(state) > 0)
                .then(|| format!("  {} {}", name(state), group_thousands(summary.count(state))))
        };
        let counts: String = RunGroupState::ALL.into_iter().filter_map(count).collect();
        text.line(format!("{}  {}{counts}", run.run_id, run.began_at));
    }
    print(&text)
}

/// Lists the groups that did not end as planned, and those that are undone.
fn list_groups(store: &dyn BackfillStore, run_id: &str, as_json: bool) -> CommandResult {
    let is_listed =
        |group: &&RunGroup| !matches!(group.state, RunGroupState::Waiting | RunGroupState::Linked);
    let (mut after, mut number) = (String::new(), 0_usize);
    loop {
        let page = store.run_groups(run_id, &after, PAGE)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.group_id);
        let mut text = Text::default();
        for group in page.iter().filter(is_listed) {
            number += 1;
            let RunGroup { group_id, state, reason, detail, .. } = group;
            if as_json {
                let state = state.as_str();
                let line = json!({ "group": group_id, "state": state, "reason": reason, "detail": detail });
                text.line(Json::compact(&line).map_err(Exit::failed)?.as_str());
            } else {
                let reason = if *state == RunGroupState::Undone { "" } else { reason };
                text.line(format!("{group_id}  {}  {reason}", name(*state)).trim_end());
                if !detail.is_empty() {
                    text.line(format!("  {detail}"));
                }
            }
        }
        print(&text)?;
    }
    if number == 0 && !as_json {
        print(&Text::from_line("No group was left out, and none could not be undone."))?;
    }
    Ok(())
}
