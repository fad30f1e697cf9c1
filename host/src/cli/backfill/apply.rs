//! `ligature backfill apply`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::thread;

use anyhow::anyhow;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::dry_run::print_counts;
use super::explain::explain;
use super::lease_args::LeaseArgs;
use super::policy_args::{PolicyArgs, count_linking_threads, describe_policies};
use super::run_summary::{RunSummary, describe_waiting, stopped_notice};
use super::selection_args::SelectionArgs;
use super::stop::stop_on_signals;
use super::watch::Watch;
use crate::ambient::Ambient;
use crate::backfill::{
    Application, ApplyDryRun, CLAIMED_GROUPS, Pace, Phase, Plan, Progress, RunWorker, check_policies,
    prepare_run, require_store,
};
use crate::cli::directory_args::DirectoryArgs;
use crate::cli::{CommandResult, Exit, print_error};
use crate::directory::{OpenMode, RunGroupState};

/// Link the groups of a plan
///
/// Each group is decided again on fresh copies of its accounts. A group whose decision is another one
/// now is left out. The same command goes on where it was interrupted, and several processes with the
/// same command share the work.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature backfill apply report/plan.ndjson --policy policy.json --directory sqlite:users.db --sample 1%"
)]
pub(super) struct ApplyArgs {
    /// The plan of a preview
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    directory: DirectoryArgs,
    #[command(flatten)]
    policies: PolicyArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// The most links a second. A tenant of Auth0 has limits of its own, which are kept
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// The number of links that are made at a time. The default: one for each processor, but at least
    /// four
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// Decide the groups again as a run would, count the answers, and link nothing
    #[arg(long, conflicts_with = "rate")]
    dry_run: bool,
    #[command(flatten)]
    lease: LeaseArgs,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// The number of claims a second of a run with a rate.
const CLAIMS_PER_SECOND: usize = 10;

/// Limits the number of links per second.
struct LinksPerSecond(DefaultDirectRateLimiter);

impl Pace for LinksPerSecond {
    fn wait(&self) {
        use governor::clock::Clock;
        while let Err(early) = self.0.check() {
            thread::sleep(early.wait_time_from(governor::clock::DefaultClock::default().now()));
        }
    }
}

impl ApplyArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let selection = self.selection.read()?;
        let plan = Plan::open(&self.plan)?;
        let threads = count_linking_threads(self.threads);
        let policies = self.policies.load(threads, ambient)?;
        check_policies(&plan, &describe_policies(&policies)).map_err(explain)?;
        if self.dry_run {
            let directory = self.directory.open(OpenMode::ReadUsers, ambient)?;
            let watch = Watch::new(ambient, stop_on_signals()?);
            let dry_run = ApplyDryRun {
                directory: &directory,
                policies: &policies,
                selection: &selection,
                threads: threads as usize,
                progress: &watch,
                ambient,
            };
            let counts = dry_run.count_groups(&plan);
            watch.finish();
            return print_counts(&plan.header, &counts.map_err(explain)?, self.json);
        }
        let directory = self.directory.open(OpenMode::Existing, ambient)?;
        let stop = stop_on_signals()?;
        let run_id = prepare_run(&directory, &plan, &selection, ambient.now()).map_err(explain)?;
        let store = require_store(&*directory).map_err(explain)?;
        let watch = Watch::new(ambient, stop.clone());
        let before = RunSummary::read(store, &run_id)?;
        watch.begin(Phase::Apply, Some(before.count(RunGroupState::Waiting)));
        let pace = self.rate.and_then(NonZeroU32::new).map(|rate| {
            LinksPerSecond(RateLimiter::direct(Quota::per_second(rate).allow_burst(NonZeroU32::MIN)))
        });
        let application = Application {
            directory: &directory,
            policies: &policies,
            worker: RunWorker {
                run_id: &run_id,
                store,
                threads: threads as usize,
                claimed: self.rate.map_or(CLAIMED_GROUPS, |rate| rate as usize / CLAIMS_PER_SECOND),
                lease: self.lease.duration(),
                stop: &stop,
                progress: &watch,
                ambient,
            },
            pace: pace.as_ref().map(|pace| pace as &dyn Pace),
        };
        let applied = application.apply_groups();
        watch.finish();
        let summary = RunSummary::read(store, &run_id)?;
        if let Err(error) = applied {
            print_error(&stopped_notice(&summary, "the same command goes on"));
            return Err(explain(error));
        }
        summary.print(self.json)?;
        let waiting = summary.count(RunGroupState::Waiting);
        if waiting > 0 {
            let why = anyhow!("the run was stopped: {}; the same command goes on", describe_waiting(waiting));
            return Err(Exit::failed(why));
        }
        Ok(())
    }
}
