//! Kept decisions in a dry run.

use super::layered::{Layered, from_behind};
use crate::directory::conflict::{Conflict, ConflictFilter, ConflictKey};
use crate::directory::decision::{DecisionCount, DecisionId, KeptDecision};
use crate::directory::decision_query::{DecisionQuery, OldDecisions};
use crate::directory::decision_records::DecisionRecords;
use crate::directory::records::{TxError, TxResult};
use crate::directory::store::Store;
use crate::model::ApiError;

/// Forgetting cannot be part of a dry run.
fn refuse_forgetting() -> TxError {
    ApiError::Invalid("in a dry run nothing is forgotten".to_owned()).into()
}

impl<S: Store> Layered<'_, S> {
    fn conflict_behind(&self, key: &ConflictKey) -> TxResult<Option<Conflict>> {
        from_behind(self.behind.read(|records| records.conflict(key)))
    }
}

impl<S: Store> DecisionRecords for Layered<'_, S> {
    fn add_decision(&mut self, kept: &KeptDecision) -> TxResult<bool> {
        Ok(self.decision(&kept.id)?.is_none() && self.front.add_decision(kept)?)
    }

    fn decision(&mut self, id: &DecisionId) -> TxResult<Option<KeptDecision>> {
        match self.front.decision(id)? {
            Some(kept) => Ok(Some(kept)),
            None => from_behind(self.behind.read(|records| records.decision(id))),
        }
    }

    fn decisions(&mut self, query: &DecisionQuery) -> TxResult<Vec<KeptDecision>> {
        let mut found = self.front.decisions(query)?;
        found.extend(from_behind(self.behind.read(|records| records.decisions(query)))?);
        query.sort(&mut found);
        Ok(found)
    }

    fn decision_behind(&mut self, _: usize) -> TxResult<Option<DecisionId>> {
        Err(refuse_forgetting())
    }

    fn remove_decisions(&mut self, _: &OldDecisions, _: usize) -> TxResult<u64> {
        Err(refuse_forgetting())
    }

    fn add_to_count(&mut self, count: &DecisionCount) -> TxResult<bool> {
        self.front.add_to_count(count)
    }

    /// The front has only what this run adds.
    fn add_count(&mut self, count: &DecisionCount) -> TxResult<()> {
        self.front.add_count(count)
    }

    fn counts_of_day(&mut self, day: &str) -> TxResult<u64> {
        let behind = from_behind(self.behind.read(|records| records.counts_of_day(day)))?;
        Ok(behind + self.front.counts_of_day(day)?)
    }

    fn counts(&mut self, since_day: &str) -> TxResult<Vec<DecisionCount>> {
        let mut found = from_behind(self.behind.read(|records| records.counts(since_day)))?;
        found.extend(self.front.counts(since_day)?);
        found.sort_unstable();
        found.dedup_by(|later, kept| {
            let is_same = (&later.day, &later.kind, &later.code) == (&kept.day, &kept.kind, &kept.code);
            if is_same {
                kept.number += later.number;
            }
            is_same
        });
        Ok(found)
    }

    fn remove_counts(&mut self, _: &str) -> TxResult<()> {
        Err(refuse_forgetting())
    }

    fn conflict(&mut self, key: &ConflictKey) -> TxResult<Option<Conflict>> {
        if self.changed.conflicts.contains(key) {
            return self.front.conflict(key);
        }
        self.conflict_behind(key)
    }

    fn conflicts(&mut self, filter: &ConflictFilter<'_>) -> TxResult<Vec<Conflict>> {
        let more =
            ConflictFilter { limit: filter.limit.saturating_add(self.changed.conflicts.len()), ..*filter };
        let mut found = from_behind(self.behind.read(|records| records.conflicts(&more)))?;
        found.retain(|conflict| !self.changed.conflicts.contains(&conflict.key));
        found.extend(self.front.conflicts(filter)?);
        filter.sort(&mut found);
        Ok(found)
    }

    fn count_conflicts(&mut self, settled: bool) -> TxResult<u64> {
        let mut count = from_behind(self.behind.read(|records| records.count_conflicts(settled)))?;
        for key in &self.changed.conflicts {
            let behind = self.conflict_behind(key)?;
            let is_counted = behind.is_some_and(|conflict| conflict.settled.is_some() == settled);
            count = count.saturating_sub(is_counted.into());
        }
        Ok(count + self.front.count_conflicts(settled)?)
    }

    fn add_conflict(&mut self, conflict: &Conflict) -> TxResult<bool> {
        if self.conflict(&conflict.key)?.is_some() {
            return Ok(false);
        }
        self.changed.conflicts.insert(conflict.key.clone());
        self.front.add_conflict(conflict)
    }

    fn replace_conflict(&mut self, conflict: &Conflict, times: u64) -> TxResult<bool> {
        if !self.changed.conflicts.contains(&conflict.key) {
            let Some(known) = self.conflict_behind(&conflict.key)? else { return Ok(false) };
            self.front.add_conflict(&known)?;
            self.changed.conflicts.insert(conflict.key.clone());
        }
        self.front.replace_conflict(conflict, times)
    }

    fn remove_conflict(&mut self, _: &ConflictKey) -> TxResult<()> {
        Err(refuse_forgetting())
    }
}
