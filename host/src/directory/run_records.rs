//! The records of the runs of a backfill, within one transaction. Only databases have them.

use super::backfill_store::{BackfillRun, GroupClaim, GroupCount, GroupResult, RunGroup, RunGroupState};
use super::tx_result::{TxError, TxResult};
use crate::model::ApiError;

fn no_database() -> TxError {
    ApiError::Invalid("a backfill needs a directory, or a journal, in a database".to_owned()).into()
}

/// The records of runs. A storage that is no database refuses them.
pub(super) trait RunRecords {
    /// Adds a run, unless it exists.
    fn add_run(&mut self, _: &BackfillRun) -> TxResult<()> {
        Err(no_database())
    }
    /// Returns a run.
    fn run(&mut self, _run_id: &str) -> TxResult<Option<BackfillRun>> {
        Err(no_database())
    }
    /// Returns the ids of runs that begin like this, at most `limit`.
    fn find_runs(&mut self, _beginning: &str, _limit: usize) -> TxResult<Vec<String>> {
        Err(no_database())
    }
    /// Returns the newest runs.
    fn runs(&mut self, _limit: usize) -> TxResult<Vec<BackfillRun>> {
        Err(no_database())
    }
    /// Marks a run as ready.
    fn set_run_ready(&mut self, _run_id: &str) -> TxResult<()> {
        Err(no_database())
    }
    /// Adds a group with its plan, unless it exists.
    fn add_run_group(&mut self, _run_id: &str, _group_id: &str, _plan: &str) -> TxResult<()> {
        Err(no_database())
    }
    /// Claims groups.
    fn claim_groups(&mut self, _: &GroupClaim) -> TxResult<Vec<RunGroup>> {
        Err(no_database())
    }
    /// Extends a claim. Returns the number of groups that it holds.
    fn extend_claim(&mut self, _: &GroupClaim) -> TxResult<u64> {
        Err(no_database())
    }
    /// Records a result and ends the claim of the group. Returns false if the claim does not hold it.
    fn finish_group(&mut self, _: &GroupClaim, _: &GroupResult) -> TxResult<bool> {
        Err(no_database())
    }
    /// Ends a claim.
    fn release_claim(&mut self, _: &GroupClaim) -> TxResult<()> {
        Err(no_database())
    }
    /// Counts groups by state and reason.
    fn count_groups(&mut self, _run_id: &str) -> TxResult<Vec<GroupCount>> {
        Err(no_database())
    }
    /// Returns whether a group is in this state.
    fn has_groups(&mut self, _run_id: &str, _state: RunGroupState) -> TxResult<bool> {
        Err(no_database())
    }
    /// Returns groups by their ids.
    fn run_groups(&mut self, _run_id: &str, _after: &str, _limit: usize) -> TxResult<Vec<RunGroup>> {
        Err(no_database())
    }
    /// Returns the addresses that several users have, in lower case and in the storage's order, that
    /// follow `after`, at most `limit`.
    fn shared_addresses(&mut self, _after: &str, _limit: usize) -> TxResult<Vec<String>> {
        Err(no_database())
    }
}
