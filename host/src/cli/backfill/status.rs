//! `ligature backfill status`.

use super::explain::explain;
use super::run_summary::RunSummary;
use crate::ambient::Ambient;
use crate::backfill::require_store;
use crate::cli::directory_args::DirectoryArgs;
use crate::cli::{CommandResult, print};
use crate::directory::OpenMode;
use crate::terminal::Text;

/// The maximum number of runs that are listed.
const RUNS: usize = 100;

/// Show how far a run is, or list the runs
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// The id of the run; without it, the runs are listed
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Print JSON instead of lines
    #[arg(long, requires = "run")]
    json: bool,
}

impl StatusArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let directory = self.directory.open(OpenMode::ReadOnly, ambient)?;
        let store = require_store(&*directory).map_err(explain)?;
        if let Some(run) = &self.run {
            return RunSummary::read(store, run)?.print(self.json);
        }
        let mut text = Text::default();
        let runs = store.runs(RUNS)?;
        if runs.is_empty() {
            text.line("There is no run yet; `ligature backfill apply` begins one.");
        }
        for run in runs {
            text.line(format!("{}  {}", run.run_id, run.began_at));
        }
        print(&text)
    }
}
