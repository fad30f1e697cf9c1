//! The operations of the runs of a backfill, each as one transaction of a store.

use super::backfill_store::{
    BackfillRun, BackfillStore, GroupClaim, GroupCount, GroupResult, RunGroup, RunGroupState,
};
use super::store::{Durability, Store};
use crate::model::ApiError;

impl<S: Store> BackfillStore for S {
    fn begin_run(&self, run: &BackfillRun) -> Result<BackfillRun, ApiError> {
        self.write(Durability::Power, |records| {
            records.add_run(run)?;
            Ok(records.run(&run.run_id)?.unwrap_or_else(|| run.clone()))
        })
    }

    fn add_run_groups(&self, run_id: &str, groups: &[(String, String)]) -> Result<(), ApiError> {
        // Several processes begin a run at once, and wait for each other's groups.
        self.write(Durability::Power, |records| {
            groups.iter().try_for_each(|(id, plan)| records.add_run_group(run_id, id, plan))
        })
    }

    fn open_run(&self, run_id: &str) -> Result<(), ApiError> {
        self.write(Durability::Power, |records| records.set_run_ready(run_id))
    }

    fn run(&self, run_id: &str) -> Result<Option<BackfillRun>, ApiError> {
        self.read(|records| records.run(run_id))
    }

    fn find_runs(&self, beginning: &str, limit: usize) -> Result<Vec<String>, ApiError> {
        self.read(|records| records.find_runs(beginning, limit))
    }

    fn runs(&self, limit: usize) -> Result<Vec<BackfillRun>, ApiError> {
        self.read(|records| records.runs(limit))
    }

    fn claim_groups(&self, claim: &GroupClaim) -> Result<Vec<RunGroup>, ApiError> {
        self.write(Durability::Process, |records| records.claim_groups(claim))
    }

    fn extend_claim(&self, claim: &GroupClaim) -> Result<u64, ApiError> {
        self.write(Durability::Process, |records| records.extend_claim(claim))
    }

    fn finish_groups(&self, claim: &GroupClaim, results: &[GroupResult]) -> Result<u64, ApiError> {
        self.write(Durability::Power, |records| {
            let mut done = 0;
            for result in results {
                done += u64::from(records.finish_group(claim, result)?);
            }
            Ok(done)
        })
    }

    fn release_claim(&self, claim: &GroupClaim) -> Result<(), ApiError> {
        self.write(Durability::Process, |records| records.release_claim(claim))
    }

    fn count_groups(&self, run_id: &str) -> Result<Vec<GroupCount>, ApiError> {
        self.read(|records| records.count_groups(run_id))
    }

    fn has_groups(&self, run_id: &str, state: RunGroupState) -> Result<bool, ApiError> {
        self.read(|records| records.has_groups(run_id, state))
    }

    fn run_groups(&self, run_id: &str, after: &str, limit: usize) -> Result<Vec<RunGroup>, ApiError> {
        self.read(|records| records.run_groups(run_id, after, limit))
    }
}
