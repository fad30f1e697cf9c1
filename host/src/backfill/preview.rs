//! Previewing a backfill: the decisions about all groups, and nothing changed.

use std::io::Write;
use std::thread;

use super::backfill_error::BackfillError;
use super::file_groups::FileGroups;
use super::group::Group;
use super::group_decision::GroupDecider;
use super::plan::{Addresses, PlanWriter, PlannedGroup};
use super::progress::{Phase, Progress, refuse_if_stopped};
use super::tally::Tally;
use crate::model::ApiError;

/// The number of groups that are decided together.
const BATCH: usize = 2_000;

/// A source of groups.
pub trait GroupSource {
    /// Returns the number of groups. Some of them may turn out to have one account only.
    fn count_groups(&self) -> u64;

    /// Calls `each` with every group, in the order of their ids, until it fails.
    ///
    /// # Errors
    ///
    /// If the source fails, or the error of `each`.
    fn read_groups(
        &mut self,
        each: &mut dyn FnMut(Group) -> Result<(), BackfillError>,
    ) -> Result<(), BackfillError>;
}

impl GroupSource for FileGroups {
    fn count_groups(&self) -> u64 {
        Self::count_groups(self)
    }

    fn read_groups(
        &mut self,
        each: &mut dyn FnMut(Group) -> Result<(), BackfillError>,
    ) -> Result<(), BackfillError> {
        Self::read_groups(self, each)
    }
}

/// The parts of a preview.
#[derive(Clone, Copy)]
pub struct Preview<'a> {
    /// Decides the groups.
    pub decider: GroupDecider<'a>,
    /// The number of threads that decide.
    pub threads: usize,
    /// Watches the progress.
    pub progress: &'a dyn Progress,
    /// The form of addresses in the plan.
    pub addresses: Addresses,
}

impl Preview<'_> {
    /// Decides every group of a source, and writes the plan in the order of the groups.
    ///
    /// # Errors
    ///
    /// If the source fails, or the plan cannot be written.
    pub fn plan_groups<W: Write>(
        &self,
        source: &mut dyn GroupSource,
        plan: &mut PlanWriter<W>,
    ) -> Result<Tally, BackfillError> {
        let (mut tally, mut batch) = (Tally::new(), Vec::with_capacity(BATCH));
        self.progress.begin(Phase::Decide, Some(source.count_groups()));
        source.read_groups(&mut |group| {
            batch.push(group);
            if batch.len() == BATCH {
                self.plan_batch(&batch, plan, &mut tally)?;
                batch.clear();
            }
            Ok(())
        })?;
        self.plan_batch(&batch, plan, &mut tally)?;
        Ok(tally)
    }

    fn plan_batch<W: Write>(
        &self,
        batch: &[Group],
        plan: &mut PlanWriter<W>,
        tally: &mut Tally,
    ) -> Result<(), BackfillError> {
        refuse_if_stopped(self.progress)?;
        let share = batch.len().div_ceil(self.threads.max(1)).max(1);
        let decided = thread::scope(|scope| {
            let threads: Vec<_> =
                batch.chunks(share).map(|groups| scope.spawn(move || self.plan_share(groups))).collect();
            let results =
                threads.into_iter().map(|it| it.join().unwrap_or_else(|why| std::panic::resume_unwind(why)));
            results.collect::<Result<Vec<_>, ApiError>>()
        })?;
        for (planned, json) in decided.into_iter().flatten() {
            tally.add(&planned);
            plan.write_group(&json).map_err(BackfillError::Unwritable)?;
        }
        self.progress.advance(batch.len() as u64);
        Ok(())
    }

    fn plan_share(&self, groups: &[Group]) -> Result<Vec<(PlannedGroup, Vec<u8>)>, ApiError> {
        let plan = |group: &Group| {
            let planned = PlannedGroup::new(group, self.decider.decide_group(group)?, self.addresses)?;
            let json = serde_json::to_vec(&planned).map_err(|error| ApiError::Other(error.to_string()))?;
            Ok((planned, json))
        };
        groups.iter().map(plan).collect()
    }
}
