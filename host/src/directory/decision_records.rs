//! The records of kept decisions and conflicts, within one transaction.

use super::conflict::{Conflict, ConflictFilter, ConflictKey};
use super::decision::{DecisionCount, DecisionId, KeptDecision};
use super::decision_query::{DecisionQuery, OldDecisions};
use super::tx_result::TxResult;

/// The records of kept decisions and conflicts. Methods that change a record return false if their
/// condition does not hold.
pub(super) trait DecisionRecords {
    /// Adds a decision. Returns false if there is one with its id.
    fn add_decision(&mut self, kept: &KeptDecision) -> TxResult<bool>;
    /// Returns a decision by its id.
    fn decision(&mut self, id: &DecisionId) -> TxResult<Option<KeptDecision>>;
    /// Returns the decisions that match, in the order of the query.
    fn decisions(&mut self, query: &DecisionQuery) -> TxResult<Vec<KeptDecision>>;
    /// Returns the newest decision that has at least `newer` newer ones.
    fn decision_behind(&mut self, newer: usize) -> TxResult<Option<DecisionId>>;
    /// Removes decisions, at most `most`. Returns their number.
    fn remove_decisions(&mut self, which: &OldDecisions, most: usize) -> TxResult<u64>;

    /// Adds to a count. Returns false if there is no such count yet.
    fn add_to_count(&mut self, count: &DecisionCount) -> TxResult<bool>;
    /// Adds a count, or adds to the one that another transaction has added meanwhile.
    fn add_count(&mut self, count: &DecisionCount) -> TxResult<()>;
    /// Returns how many counts a day has.
    fn counts_of_day(&mut self, day: &str) -> TxResult<u64>;
    /// Returns the counts of this day and later ones, in order.
    fn counts(&mut self, since_day: &str) -> TxResult<Vec<DecisionCount>>;
    /// Removes the counts of earlier days.
    fn remove_counts(&mut self, before_day: &str) -> TxResult<()>;

    /// Returns a conflict by its key.
    fn conflict(&mut self, key: &ConflictKey) -> TxResult<Option<Conflict>>;
    /// Returns the conflicts that match, in the order of the filter.
    fn conflicts(&mut self, filter: &ConflictFilter<'_>) -> TxResult<Vec<Conflict>>;
    /// Counts the conflicts that are settled, or those that wait.
    fn count_conflicts(&mut self, settled: bool) -> TxResult<u64>;
    /// Adds a conflict. Returns false if there is one with its key.
    fn add_conflict(&mut self, conflict: &Conflict) -> TxResult<bool>;
    /// Replaces a conflict that has happened `times` times. Returns false if it has happened again since.
    fn replace_conflict(&mut self, conflict: &Conflict, times: u64) -> TxResult<bool>;
    /// Removes a conflict, if there is one.
    fn remove_conflict(&mut self, key: &ConflictKey) -> TxResult<()>;
}
