//! Decisions and reasons in one line each, for people.

use crate::model::{Decision, Reason};

/// A decision in one line.
pub(super) fn describe_decision(decision: &Decision) -> String {
    match decision {
        Decision::Proceed => "proceed".to_owned(),
        Decision::Linked { primary } => format!("linked into {primary}"),
        Decision::Suggest { step, candidates } => {
            format!("ask the user {} {}", step.describe(), candidates.join(", "))
        }
        Decision::Deny { message } => format!("deny: {message}"),
    }
}

/// Reasons in one line.
pub(super) fn describe_reasons(reasons: &[Reason]) -> String {
    let describe = |reason: &Reason| {
        let level = serde_json::to_value(reason.level).unwrap_or_default();
        let level = level.as_str().unwrap_or_default().to_owned();
        format!("{} ({level}) {} {}", reason.code, reason.subject.join(", "), reason.detail)
    };
    match reasons {
        [] => "none".to_owned(),
        reasons => reasons.iter().map(describe).collect::<Vec<_>>().join(" · "),
    }
}
