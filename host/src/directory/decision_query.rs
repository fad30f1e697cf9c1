//! Queries for kept decisions.

use super::decision::{DecisionId, KeptDecision, countable_code};
use crate::model::Timestamp;

/// A query for decisions. Its conditions are combined with "and".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecisionQuery {
    /// Logins of this user, and logins that continued as this user.
    pub user_id: Option<String>,
    /// Decisions of this kind, as [`Decision::kind`](crate::model::Decision::kind) names it.
    pub kind: Option<String>,
    /// Decisions with a reason of this code.
    pub code: Option<String>,
    /// Logins of this time or later, by the clock.
    pub since: Option<Timestamp>,
    /// Logins of this time or earlier, by the clock.
    pub until: Option<Timestamp>,
    /// Decisions that were kept before this one, for the next page.
    pub before: Option<DecisionId>,
    /// Decisions that were kept after this one, the oldest first. Without it, the newest come first.
    pub after: Option<DecisionId>,
    /// The most decisions to return.
    pub limit: usize,
}

impl DecisionQuery {
    /// Returns whether a decision matches.
    pub(super) fn matches(&self, kept: &KeptDecision) -> bool {
        let is_user = |id: &String| kept.user_id == *id || kept.final_user_id.as_ref() == Some(id);
        self.user_id.as_ref().is_none_or(is_user)
            && self.kind.as_ref().is_none_or(|kind| kept.decision.kind() == kind)
            && self.code.as_ref().is_none_or(|code| codes_of(kept).any(|known| known == code))
            && self.since.is_none_or(|since| kept.at >= since)
            && self.until.is_none_or(|until| kept.at <= until)
            && self.before.as_ref().is_none_or(|before| kept.id < *before)
            && self.after.as_ref().is_none_or(|after| kept.id > *after)
    }

    /// Sorts decisions that match, and cuts them to the limit.
    pub(super) fn sort(&self, found: &mut Vec<KeptDecision>) {
        match self.after {
            Some(_) => found.sort_by(|a, b| a.id.cmp(&b.id)),
            None => found.sort_by(|a, b| b.id.cmp(&a.id)),
        }
        found.truncate(self.limit);
    }
}

/// Returns the reason codes by which a decision is found.
pub(super) fn codes_of(kept: &KeptDecision) -> impl Iterator<Item = &str> {
    kept.reasons.iter().map(|reason| countable_code(&reason.code))
}

/// The decisions to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OldDecisions {
    /// Logins before a time, by the clock.
    Before(Timestamp),
    /// A decision, and all that were kept before it.
    UpTo(DecisionId),
    /// Logins of a user, and logins that continued as this user.
    Of(String),
}

impl OldDecisions {
    /// Returns whether a decision is one of them.
    pub(super) fn contain(&self, kept: &KeptDecision) -> bool {
        match self {
            Self::Before(time) => kept.at < *time,
            Self::UpTo(id) => kept.id <= *id,
            Self::Of(id) => kept.user_id == *id || kept.final_user_id.as_ref() == Some(id),
        }
    }
}
