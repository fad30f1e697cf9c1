//! Decisions in words, for lists and for the live tail.

use super::paths::{path_of_decision, path_of_user};
use super::words::format_time;
use crate::directory::KeptDecision;
use crate::model::{Decision, Level, RuleVerdict};

/// The most verdicts of a trace in a row.
const MOST_VERDICTS: usize = 60;

/// A row of a list of decisions.
pub(super) struct DecisionRow<'a> {
    pub(super) path: String,
    pub(super) at: String,
    pub(super) kind: &'static str,
    pub(super) user: String,
    pub(super) user_id: &'a str,
    pub(super) code: &'a str,
    pub(super) detail: &'a str,
    /// The trace, for the live tail.
    pub(super) trace: &'a [RuleVerdict],
}

impl<'a> DecisionRow<'a> {
    pub(super) fn new(kept: &'a KeptDecision) -> Self {
        let reason = kept.reasons.first();
        Self {
            path: path_of_decision(&kept.id),
            at: format_time(kept.at),
            kind: kept.decision.kind(),
            user: path_of_user(&kept.user_id),
            user_id: &kept.user_id,
            code: reason.map_or("", |reason| &reason.code),
            detail: reason.map_or("", |reason| &reason.detail),
            trace: &kept.trace[..kept.trace.len().min(MOST_VERDICTS)],
        }
    }
}

/// Describes a decision.
pub(super) fn describe_decision(decision: &Decision) -> String {
    match decision {
        Decision::Proceed => "The login went on unchanged.".to_owned(),
        Decision::Linked { primary } => format!("The accounts are one, and the login went on as {primary}."),
        Decision::Suggest { step, candidates } => {
            format!("The user was asked {} {}.", step.describe(), candidates.join(", "))
        }
        Decision::Deny { message } => format!("The login was denied: {message}"),
    }
}

/// Names the level of a reason.
pub(super) fn name_level(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Finding => "finding",
        Level::Conflict => "conflict",
        Level::Error => "error",
    }
}
