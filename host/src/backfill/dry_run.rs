//! Deciding the groups of a plan again, without a run and without a link.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use super::apply::first_link_reason;
use super::backfill_error::BackfillError;
use super::group_check::GroupCheck;
use super::plan::{Plan, PlannedGroup};
use super::progress::{Phase, Progress, refuse_if_stopped};
use super::run::{check_directory, count_selected, is_applied};
use super::selection::Selection;
use crate::ambient::Ambient;
use crate::directory::{Administration, GroupCount, RunGroupState};
use crate::policies::LoadedPolicy;

/// The number of groups that are decided together.
const BATCH: usize = 2_000;

/// The parts of a dry run.
#[derive(Clone, Copy)]
pub struct ApplyDryRun<'a> {
    /// The directory.
    pub directory: &'a Arc<dyn Administration>,
    /// The policies, in order.
    pub policies: &'a [LoadedPolicy],
    /// The groups to decide.
    pub selection: &'a Selection,
    /// The number of threads.
    pub threads: usize,
    /// Watches the progress.
    pub progress: &'a dyn Progress,
    /// The clock and the source of randomness.
    pub ambient: &'a Ambient,
}

/// The counts of a dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRunCounts {
    /// The number of groups with links that are not selected.
    pub not_selected: u64,
    /// The groups by the state that a run would give them, and its reason.
    pub groups: Vec<GroupCount>,
}

type Counts = BTreeMap<(RunGroupState, String), u64>;

impl ApplyDryRun<'_> {
    /// Decides every selected group of a plan again, on fresh copies of its accounts, and counts the
    /// states that a run would give them.
    ///
    /// # Errors
    ///
    /// If the plan is of another directory, no group is selected, the accounts are not those of the directory, or the directory fails.
    pub fn count_groups(&self, plan: &Plan) -> Result<DryRunCounts, BackfillError> {
        check_directory(&**self.directory, plan)?;
        let counted = count_selected(&**self.directory, plan, self.selection)?;
        self.progress.begin(Phase::Decide, Some(counted.selected));
        let (mut counts, mut batch) = (Counts::new(), Vec::with_capacity(BATCH));
        plan.read_groups(|group| {
            if is_applied(&group, self.selection) {
                batch.push(group);
            }
            if batch.len() == BATCH {
                self.count_batch(&batch, &mut counts)?;
                batch.clear();
            }
            Ok::<_, BackfillError>(())
        })?;
        self.count_batch(&batch, &mut counts)?;
        let to_count = |((state, reason), number)| GroupCount { state, reason, number };
        let groups = counts.into_iter().map(to_count).collect();
        Ok(DryRunCounts { not_selected: counted.not_selected, groups })
    }

    fn count_batch(&self, batch: &[PlannedGroup], counts: &mut Counts) -> Result<(), BackfillError> {
        let share = batch.len().div_ceil(self.threads.max(1)).max(1);
        let ends = thread::scope(|scope| {
            let threads: Vec<_> =
                batch.chunks(share).map(|groups| scope.spawn(move || self.find_ends(groups))).collect();
            let results =
                threads.into_iter().map(|it| it.join().unwrap_or_else(|why| std::panic::resume_unwind(why)));
            results.collect::<Result<Vec<_>, BackfillError>>()
        })?;
        for end in ends.into_iter().flatten() {
            *counts.entry(end).or_default() += 1;
        }
        Ok(())
    }

    /// Returns the state of each group that a run would end with, and its reason.
    fn find_ends(&self, groups: &[PlannedGroup]) -> Result<Vec<(RunGroupState, String)>, BackfillError> {
        let Self { directory, policies, ambient, .. } = *self;
        let check = GroupCheck { directory, policies, ambient };
        let find_end = |group: &PlannedGroup| {
            refuse_if_stopped(self.progress)?;
            let logins: Vec<_> = group.logins.iter().collect();
            let obstacle = check.find_obstacle(group, &logins)?;
            self.progress.advance(1);
            Ok(match obstacle {
                Some(obstacle) => (RunGroupState::LeftOut, obstacle.reason),
                None => (RunGroupState::Linked, first_link_reason(group).to_owned()),
            })
        };
        groups.iter().map(find_end).collect()
    }
}
