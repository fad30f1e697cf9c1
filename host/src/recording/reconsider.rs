//! Another policy's decision on a recorded login.

use std::sync::Arc;

use serde::Serialize;

use super::describe::describe_decision;
use super::exchange::DirectoryCall;
use super::known_directory::KnownDirectory;
use super::recording::Recording;
use crate::decide::{DecisionContext, DecisionRequest, Policy, decide_login};
use crate::model::{Outcome, Reason};

/// Another policy's decision on a recorded login.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reconsidered {
    /// The recorded decision.
    pub then: String,
    /// The codes of the recorded reasons.
    pub reasons_then: Vec<String>,
    /// The decision of the other policy; none if it is not known.
    pub now: Option<String>,
    /// The codes of its reasons.
    pub reasons_now: Vec<String>,
    /// The first call that the recording has no answer for. The decision that depends on its
    /// answer is not known.
    pub not_known: Option<String>,
}

/// A decision on what a recording shows.
pub(super) enum KnownDecision {
    /// Every call had an answer.
    Known(Outcome),
    /// The first call that the recording has no answer for.
    NotKnown(DirectoryCall),
}

/// Decides a recorded login by other policies. No answer is guessed: a call that the recording
/// has no answer for ends it.
#[must_use]
pub fn reconsider(policies: &[Policy], request: DecisionRequest, recording: &Recording) -> Reconsidered {
    let codes = |reasons: &[Reason]| reasons.iter().map(|reason| reason.code.clone()).collect();
    let recorded = &recording.decided;
    let (now, reasons_now, not_known) = match decide_by_known(policies, request, recording) {
        KnownDecision::Known(outcome) => {
            (Some(describe_decision(&outcome.decision)), codes(&outcome.reasons), None)
        }
        KnownDecision::NotKnown(call) => (None, Vec::new(), Some(call.to_string())),
    };
    let reasons_then = codes(&recorded.reasons);
    Reconsidered { then: describe_decision(&recorded.decision), reasons_then, now, reasons_now, not_known }
}

/// Decides a login with the answers that its recording shows.
pub(super) fn decide_by_known(
    policies: &[Policy],
    request: DecisionRequest,
    recording: &Recording,
) -> KnownDecision {
    let user = request.event.account().clone();
    let directory = Arc::new(KnownDirectory::new(recording.exchange.clone(), user, recording.ignores_case));
    let context = DecisionContext {
        directory: directory.clone(),
        on_failure: recording.on_failure,
        // Counting a prompt would ask the directory for something that no decision depends on.
        can_prompt: false,
        user_keeper: recording.user_keeper,
    };
    let outcome = decide_login(policies, request, |guard| guard, context).outcome;
    directory.unknown().map_or(KnownDecision::Known(outcome), KnownDecision::NotKnown)
}

impl Reconsidered {
    /// Returns whether the other policy decides as the recorded one did.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.now.as_ref() == Some(&self.then)
    }

    /// Returns whether the reasons are the same.
    #[must_use]
    pub fn has_same_reasons(&self) -> bool {
        self.reasons_now == self.reasons_then
    }
}
