//! The decisions about logins at a tenant. The directory of its journal keeps them.

use super::Auth0Directory;
use crate::directory::conflict::{Conflict, ConflictKey, ConflictQuery, Settled};
use crate::directory::decision::{DecisionCount, DecisionId, KeptBatch, KeptDecision};
use crate::directory::decision_query::DecisionQuery;
use crate::directory::kept_decisions::KeptDecisions;
use crate::model::{ApiError, Timestamp};

impl KeptDecisions for Auth0Directory {
    fn keep_decisions(&self, decisions: &[KeptDecision]) -> Result<KeptBatch, ApiError> {
        self.journal.keep_decisions(decisions)
    }

    fn find_decisions(&self, query: &DecisionQuery) -> Result<Vec<KeptDecision>, ApiError> {
        self.journal.find_decisions(query)
    }

    fn decision(&self, id: &DecisionId) -> Result<KeptDecision, ApiError> {
        self.journal.decision(id)
    }

    fn count_decisions(&self, since_day: &str) -> Result<Vec<DecisionCount>, ApiError> {
        self.journal.count_decisions(since_day)
    }

    fn conflicts(&self, query: &ConflictQuery) -> Result<Vec<Conflict>, ApiError> {
        self.journal.conflicts(query)
    }

    fn conflict(&self, key: &ConflictKey) -> Result<Conflict, ApiError> {
        self.journal.conflict(key)
    }

    fn count_open_conflicts(&self) -> Result<u64, ApiError> {
        self.journal.count_open_conflicts()
    }

    fn settle_conflict(&self, key: &ConflictKey, settled: &Settled) -> Result<Conflict, ApiError> {
        self.journal.settle_conflict(key, settled)
    }

    fn forget_decisions(&self, before: Timestamp, most: usize) -> Result<u64, ApiError> {
        self.journal.forget_decisions(before, most)
    }

    fn forget_decisions_of(&self, user_id: &str) -> Result<u64, ApiError> {
        self.journal.forget_decisions_of(user_id)
    }
}
