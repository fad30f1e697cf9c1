//! The result of a rule, and the rulings that it can contain.

use std::borrow::Cow;

use ligature_link_policy::Strictness;

use crate::account::Account;
use crate::bindings::{Reason, Step};
use crate::situation::Situation;

/// The state of the decision when a rule is evaluated: none yet, or the stop of an
/// earlier rule.
pub(crate) type EarlierRuling = Option<Ruling>;

/// The result of a rule.
pub(crate) enum RuleResult {
    /// The rule does not apply to this login.
    NotApplicable,
    /// The rule lets the decision continue. The evidence is written only for a trace.
    Passes(Cow<'static, str>),
    /// The rule lets the decision continue, with reasons to report.
    Notes(Vec<Reason>),
    /// The rule decides, unless an earlier rule has decided.
    Decides(Ruling),
    /// The rule replaces the decision of an earlier rule.
    Overrules(Ruling),
}

/// A decision and its reason.
#[derive(Debug, Clone)]
pub(crate) struct Ruling {
    pub(crate) kind: RulingKind,
    pub(crate) reason: Reason,
}

/// The kind of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RulingKind {
    Proceed,
    Ask(Step, Vec<String>),
    Deny(&'static str),
    Link,
}

/// Returns the result of a rule that decides.
pub(super) fn rule(kind: RulingKind, reason: Reason) -> RuleResult {
    RuleResult::Decides(Ruling { kind, reason })
}

/// Returns the result of a rule that ends the decision without a link.
pub(super) fn no_op(reason: Reason) -> RuleResult {
    rule(RulingKind::Proceed, reason)
}

/// Returns the result of a rule that lets the decision continue.
pub(super) fn passes(evidence: &'static str) -> RuleResult {
    RuleResult::Passes(Cow::Borrowed(evidence))
}

/// Returns the result of a rule that lets the decision continue, with evidence that is written only
/// for a trace.
pub(super) fn passes_with(s: &Situation, evidence: impl FnOnce() -> String) -> RuleResult {
    RuleResult::Passes(if s.input.event.trace { Cow::Owned(evidence()) } else { Cow::Borrowed("") })
}

/// Asks, unless the user has proved this candidate already, with a second
/// factor if that is the step.
pub(super) fn ask(s: &Situation, step: Step, candidates: &[&str], reason: Reason) -> RuleResult {
    if let Some(proof) = s.input.proof {
        let is_enough = step != Step::StepUpMfa || proof.methods.iter().any(|method| method == "mfa");
        if is_enough && candidates.iter().any(|id| *id == proof.candidate) {
            return passes_with(s, || format!("the user has proved {}", proof.candidate));
        }
    }
    rule(RulingKind::Ask(step, candidates.iter().map(|&id| id.to_owned()).collect()), reason)
}

/// Denies, asks or allows, as the policy says.
pub(super) fn strictly(s: &Situation, how: Strictness, candidate: &Account, reason: Reason) -> RuleResult {
    match how {
        Strictness::Deny => no_op(reason),
        Strictness::Suggest => ask(s, Step::ReauthenticateCandidate, &[candidate.id()], reason),
        Strictness::Allow => passes("the policy allows it"),
    }
}
