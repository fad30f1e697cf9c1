//! The position of the live tail among the decisions that were kept.
//!
//! Decisions get their ids before they are written, so that a decision may appear after one with a later
//! id. The position therefore stays some polls behind, and decisions that were shown are left out.

use std::collections::{HashSet, VecDeque};

use crate::directory::{DecisionId, KeptDecision};

/// The polls by which the position stays behind.
const BEHIND: usize = 5;

/// The id before every other one.
const FIRST: &str = "00000000-0000-0000-0000-000000000000";

/// The position of the live tail.
#[derive(Debug, Default)]
pub(super) struct FeedCursor {
    /// The decision after which the next poll begins.
    position: Option<DecisionId>,
    /// The latest decision of each of the last polls, the oldest first.
    polls: VecDeque<Option<DecisionId>>,
    /// The decisions after the position that were shown.
    shown: HashSet<DecisionId>,
}

impl FeedCursor {
    /// Returns the position before the newest decisions, which were shown already. One that is written late, or in
    /// the same millisecond, may have an id among theirs.
    /// `most` is the number that was asked for.
    pub(super) fn new(newest: Vec<DecisionId>, most: usize) -> Self {
        let position = newest.iter().min().filter(|_| newest.len() >= most).cloned();
        Self { position, shown: newest.into_iter().collect(), ..Self::default() }
    }

    pub(super) fn position(&self) -> Option<DecisionId> {
        // Without a position, a query returns the newest decisions first.
        self.position.clone().or_else(|| FIRST.parse().ok())
    }

    /// Returns the decisions of a poll that were not shown yet. `most` is the limit of the poll.
    pub(super) fn accept(&mut self, found: Vec<KeptDecision>, most: usize) -> Vec<KeptDecision> {
        let latest = found.last().map(|kept| kept.id.clone());
        let is_full = found.len() >= most;
        let new: Vec<KeptDecision> =
            found.into_iter().filter(|kept| self.shown.insert(kept.id.clone())).collect();
        self.polls.push_back(latest.clone());
        let passed = if is_full {
            // There is more: waiting would show it late.
            self.polls.clear();
            latest
        } else if self.polls.len() > BEHIND {
            self.polls.pop_front().flatten()
        } else {
            None
        };
        if let Some(passed) = passed.filter(|passed| self.position.as_ref().is_none_or(|it| passed > it)) {
            self.shown.retain(|id| *id > passed);
            self.position = Some(passed);
        }
        new
    }
}
