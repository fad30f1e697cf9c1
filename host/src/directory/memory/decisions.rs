//! The decisions, counts and conflicts in memory, with the size of the decisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::directory::conflict::{Conflict, ConflictKey};
use crate::directory::decision::{DecisionId, KeptDecision};

/// The day, the kind and the code of a count.
pub(super) type CountKey = [String; 3];

/// The decisions, their counts and the conflicts.
#[derive(Debug, Clone, Default)]
pub(super) struct Decisions {
    pub(super) kept: BTreeMap<DecisionId, Arc<KeptDecision>>,
    /// The bytes of the decisions, as JSON.
    pub(super) bytes: usize,
    pub(super) counts: BTreeMap<CountKey, u64>,
    pub(super) conflicts: BTreeMap<ConflictKey, Arc<Conflict>>,
}

impl Decisions {
    /// Adds, replaces or removes a decision. Returns the one before.
    pub(super) fn set(
        &mut self,
        id: &DecisionId,
        new: Option<Arc<KeptDecision>>,
    ) -> Option<Arc<KeptDecision>> {
        self.bytes += new.as_ref().map_or(0, |new| new.count_bytes());
        let old = set(&mut self.kept, id, new);
        self.bytes -= old.as_ref().map_or(0, |old| old.count_bytes());
        old
    }

    /// Sets or removes a count. Returns the one before.
    pub(super) fn set_count(&mut self, key: &CountKey, new: Option<u64>) -> Option<u64> {
        set(&mut self.counts, key, new)
    }

    /// Adds, replaces or removes a conflict. Returns the one before.
    pub(super) fn set_conflict(
        &mut self,
        key: &ConflictKey,
        new: Option<Arc<Conflict>>,
    ) -> Option<Arc<Conflict>> {
        set(&mut self.conflicts, key, new)
    }
}

fn set<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, key: &K, new: Option<V>) -> Option<V> {
    match new {
        Some(new) => map.insert(key.clone(), new),
        None => map.remove(key),
    }
}
