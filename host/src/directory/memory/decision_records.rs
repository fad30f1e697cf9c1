//! Kept decisions in memory, within one transaction.

use std::sync::Arc;

use super::decisions::CountKey;
use super::state::{Before, State};
use crate::directory::conflict::{Conflict, ConflictFilter, ConflictKey};
use crate::directory::decision::{DecisionCount, DecisionId, KeptDecision};
use crate::directory::decision_query::{DecisionQuery, OldDecisions};
use crate::directory::decision_records::DecisionRecords;
use crate::directory::records::TxResult;

/// The most bytes of all decisions, as JSON. The oldest ones are forgotten.
const BYTES: usize = 16 << 20;

fn key_of(count: &DecisionCount) -> CountKey {
    [count.day.clone(), count.kind.clone(), count.code.clone()]
}

impl State {
    fn set_decision(&mut self, id: &DecisionId, new: Option<Arc<KeptDecision>>) {
        let old = self.decisions.set(id, new);
        self.undo_log.push(Before::Decision(id.clone(), old));
    }

    fn set_decision_count(&mut self, key: &CountKey, new: Option<u64>) {
        let old = self.decisions.set_count(key, new);
        self.undo_log.push(Before::Count(key.clone(), old));
    }

    fn set_conflict(&mut self, key: &ConflictKey, new: Option<Arc<Conflict>>) {
        let old = self.decisions.set_conflict(key, new);
        self.undo_log.push(Before::Conflict(key.clone(), old));
    }
}

impl DecisionRecords for State {
    fn add_decision(&mut self, kept: &KeptDecision) -> TxResult<bool> {
        let is_new = !self.decisions.kept.contains_key(&kept.id);
        if is_new {
            self.set_decision(&kept.id, Some(Arc::new(kept.clone())));
            while self.decisions.bytes > BYTES
                && let Some(oldest) = self.decisions.kept.keys().next().cloned()
            {
                self.set_decision(&oldest, None);
            }
        }
        Ok(is_new)
    }

    fn decision(&mut self, id: &DecisionId) -> TxResult<Option<KeptDecision>> {
        Ok(self.decisions.kept.get(id).map(|kept| KeptDecision::clone(kept)))
    }

    fn decisions(&mut self, query: &DecisionQuery) -> TxResult<Vec<KeptDecision>> {
        let matching = self.decisions.kept.values().filter(|kept| query.matches(kept));
        let found = match query.after {
            Some(_) => matching.take(query.limit).map(|kept| KeptDecision::clone(kept)).collect(),
            None => matching.rev().take(query.limit).map(|kept| KeptDecision::clone(kept)).collect(),
        };
        Ok(found)
    }

    fn decision_behind(&mut self, newer: usize) -> TxResult<Option<DecisionId>> {
        Ok(self.decisions.kept.keys().rev().nth(newer).cloned())
    }

    fn remove_decisions(&mut self, which: &OldDecisions, most: usize) -> TxResult<u64> {
        let old = self.decisions.kept.values().filter(|kept| which.contain(kept));
        let ids: Vec<_> = old.take(most).map(|kept| kept.id.clone()).collect();
        ids.iter().for_each(|id| self.set_decision(id, None));
        Ok(ids.len() as u64)
    }

    fn add_to_count(&mut self, count: &DecisionCount) -> TxResult<bool> {
        let key = key_of(count);
        let known = self.decisions.counts.get(&key).copied();
        if let Some(known) = known {
            self.set_decision_count(&key, Some(known.saturating_add(count.number)));
        }
        Ok(known.is_some())
    }

    fn add_count(&mut self, count: &DecisionCount) -> TxResult<()> {
        if !self.add_to_count(count)? {
            self.set_decision_count(&key_of(count), Some(count.number));
        }
        Ok(())
    }

    fn counts_of_day(&mut self, day: &str) -> TxResult<u64> {
        Ok(self.decisions.counts.keys().filter(|key| key[0] == day).count() as u64)
    }

    fn counts(&mut self, since_day: &str) -> TxResult<Vec<DecisionCount>> {
        let counts = self.decisions.counts.iter().filter(|(key, _)| key[0].as_str() >= since_day);
        let named = counts.map(|([day, kind, code], number)| DecisionCount {
            day: day.clone(),
            kind: kind.clone(),
            code: code.clone(),
            number: *number,
        });
        Ok(named.collect())
    }

    fn remove_counts(&mut self, before_day: &str) -> TxResult<()> {
        let old = self.decisions.counts.keys().filter(|key| key[0].as_str() < before_day);
        let old: Vec<_> = old.cloned().collect();
        old.iter().for_each(|key| self.set_decision_count(key, None));
        Ok(())
    }

    fn conflict(&mut self, key: &ConflictKey) -> TxResult<Option<Conflict>> {
        Ok(self.decisions.conflicts.get(key).map(|it| Conflict::clone(it)))
    }

    fn conflicts(&mut self, filter: &ConflictFilter<'_>) -> TxResult<Vec<Conflict>> {
        let matching = self.decisions.conflicts.values().filter(|it| filter.matches(it));
        let mut found: Vec<_> = matching.map(|it| Conflict::clone(it)).collect();
        filter.sort(&mut found);
        Ok(found)
    }

    fn count_conflicts(&mut self, settled: bool) -> TxResult<u64> {
        let conflicts = self.decisions.conflicts.values();
        Ok(conflicts.filter(|it| it.settled.is_some() == settled).count() as u64)
    }

    fn add_conflict(&mut self, conflict: &Conflict) -> TxResult<bool> {
        let is_new = !self.decisions.conflicts.contains_key(&conflict.key);
        if is_new {
            self.set_conflict(&conflict.key, Some(Arc::new(conflict.clone())));
        }
        Ok(is_new)
    }

    fn replace_conflict(&mut self, conflict: &Conflict, times: u64) -> TxResult<bool> {
        let is_at = self.decisions.conflicts.get(&conflict.key).is_some_and(|it| it.times == times);
        if is_at {
            self.set_conflict(&conflict.key, Some(Arc::new(conflict.clone())));
        }
        Ok(is_at)
    }

    fn remove_conflict(&mut self, key: &ConflictKey) -> TxResult<()> {
        self.set_conflict(key, None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::BYTES;
    use crate::ambient::Ambient;
    use crate::directory::{DecisionId, DecisionQuery, KeptDecision, KeptDecisions, Memory};
    use crate::model::{Decision, RuleVerdict};

    #[test]
    fn the_decisions_in_memory_are_bounded_in_bytes() {
        let ambient = Ambient::fixed("2026-11-27T10:00:00Z".parse().unwrap());
        let memory = Memory::new(&ambient);
        let verdict =
            RuleVerdict { rule: "x".repeat(1_000), verdict: String::new(), evidence: String::new() };
        let large = || KeptDecision {
            id: DecisionId::draw(&ambient),
            at: ambient.now(),
            user_id: "auth0|1".to_owned(),
            final_user_id: None,
            client_id: None,
            connection: None,
            policy: None,
            policy_sha256: None,
            plugin: None,
            decision: Decision::Proceed,
            reasons: Vec::new(),
            trace: vec![verdict.clone(); 15],
            counterfactual: None,
            left_out: Vec::new(),
        };
        let most = BYTES / large().count_bytes();
        let all: Vec<_> = (0..most + 10).map(|_| large()).collect();
        memory.keep_decisions(&all).unwrap();
        let kept = memory.find_decisions(&DecisionQuery { limit: usize::MAX, ..DecisionQuery::default() });
        let kept = kept.unwrap();
        assert_eq!(kept.len(), most);
        assert_eq!(kept[0].id, all[most + 9].id, "the newest ones stay");
    }
}
