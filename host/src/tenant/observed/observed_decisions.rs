//! Kept decisions behind the directory that reports changes of users. They are not reported.

use crate::directory::{
    Conflict, ConflictKey, ConflictQuery, DecisionCount, DecisionId, DecisionQuery, KeptBatch, KeptDecision,
    KeptDecisions, Settled,
};
use crate::model::{ApiError, Timestamp};
use crate::tenant::observed::observed_directory::ObservedDirectory;

impl KeptDecisions for ObservedDirectory {
    fn keep_decisions(&self, decisions: &[KeptDecision]) -> Result<KeptBatch, ApiError> {
        self.directory.keep_decisions(decisions)
    }

    fn find_decisions(&self, query: &DecisionQuery) -> Result<Vec<KeptDecision>, ApiError> {
        self.directory.find_decisions(query)
    }

    fn decision(&self, id: &DecisionId) -> Result<KeptDecision, ApiError> {
        self.directory.decision(id)
    }

    fn count_decisions(&self, since_day: &str) -> Result<Vec<DecisionCount>, ApiError> {
        self.directory.count_decisions(since_day)
    }

    fn conflicts(&self, query: &ConflictQuery) -> Result<Vec<Conflict>, ApiError> {
        self.directory.conflicts(query)
    }

    fn conflict(&self, key: &ConflictKey) -> Result<Conflict, ApiError> {
        self.directory.conflict(key)
    }

    fn count_open_conflicts(&self) -> Result<u64, ApiError> {
        self.directory.count_open_conflicts()
    }

    fn settle_conflict(&self, key: &ConflictKey, settled: &Settled) -> Result<Conflict, ApiError> {
        self.directory.settle_conflict(key, settled)
    }

    fn forget_decisions(&self, before: Timestamp, most: usize) -> Result<u64, ApiError> {
        self.directory.forget_decisions(before, most)
    }

    fn forget_decisions_of(&self, user_id: &str) -> Result<u64, ApiError> {
        self.directory.forget_decisions_of(user_id)
    }
}
