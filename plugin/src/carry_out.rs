//! Carries a login out: looks the accounts up, decides, and makes the links.

use std::mem::ManuallyDrop;

use ligature_link_policy::{Mode, OnError, Policy};
use ligature_linking_marks::checked::SettingsHash;

use crate::bindings::{
    Answer, ApiError, Decision, LinkRequest, LoginEvent, Outcome, Proof, Reason, Response, Suggestion,
    Timestamp, User,
};
use crate::counterfactual;
use crate::decide::{BeforeLookUp, Input, Login, PlannedDecision, PlannedOutcome};
use crate::error_words::error_words;
use crate::json::holds_capital;
use crate::linking_state::LinkingState;
use crate::reason::ReasonCode;

/// The host's functions that the plugin calls.
pub trait Host {
    /// Returns every user but the login's own with this address.
    ///
    /// # Errors
    ///
    /// The host's error.
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError>;

    /// Returns whether look-ups ignore the case of ASCII letters.
    fn ignores_case(&mut self) -> bool;

    /// Links two users.
    ///
    /// # Errors
    ///
    /// The host's error; nothing was changed then.
    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError>;

    /// Returns the hash of the login's settings, if it was computed before.
    fn settings_hash(&mut self) -> Option<SettingsHash> {
        None
    }

    /// Returns the login's time.
    fn now(&mut self) -> Timestamp;
}

/// Decides one login and carries the decision out.
pub fn on_login(event: &LoginEvent, policy: &Policy, host: &mut impl Host) -> Outcome {
    decide_and_do(event, policy, None, host)
}

/// Decides a login again after the user was asked. Links only if the proof names
/// this login's pair.
pub fn on_continue(event: &LoginEvent, answer: &Answer, policy: &Policy, host: &mut impl Host) -> Outcome {
    let proof = match &answer.response {
        Response::Declined => return decide_declined(event, policy),
        Response::Confirmed(proof) => proof,
    };
    match why_proof_does_not_count(event, policy, proof, host.now()) {
        Some(reason) => decide_unproved(event, policy, reason),
        None => decide_and_do(event, policy, Some(proof), host),
    }
}

fn decide_declined(event: &LoginEvent, policy: &Policy) -> Outcome {
    let subject = &[event.user.user_id.as_str()];
    let asked = LinkingState::parse(event.user.app_metadata.as_deref()).prompts();
    if policy.mode == Mode::Required && asked > policy.prompts.grace {
        let reason = ReasonCode::LinkRequired
            .about(subject, "The policy requires the link, and the user has not confirmed it.");
        let message = "To continue, please confirm your other account.".to_owned();
        return outcome(Decision::Deny(message), vec![reason]);
    }
    outcome(
        Decision::Proceed,
        vec![ReasonCode::Declined.about(subject, "The user was asked and has declined.")],
    )
}

/// Decides a login whose proof does not count: a user cannot avoid a required link by it.
fn decide_unproved(event: &LoginEvent, policy: &Policy, why: Reason) -> Outcome {
    let mut declined = decide_declined(event, policy);
    match declined.decision {
        Decision::Deny(_) => {
            declined.reasons.insert(0, why);
            declined
        }
        _ => outcome(Decision::Proceed, vec![why]),
    }
}

/// Returns the reason why a proof does not count for this login, if it does not.
fn why_proof_does_not_count(
    event: &LoginEvent,
    policy: &Policy,
    proof: &Proof,
    now: Timestamp,
) -> Option<Reason> {
    let subject = &[event.user.user_id.as_str()];
    if proof.current != event.user.user_id || proof.candidate == proof.current {
        return Some(
            ReasonCode::ProofForeign.about(subject, "The proof is for other accounts than this login's."),
        );
    }
    if !policy.counts_as_proof(proof.proved_at, now) {
        return Some(
            ReasonCode::ProofStale.about(subject, "The proof is too old, or has a time in the future."),
        );
    }
    None
}

fn decide_and_do(
    event: &LoginEvent,
    policy: &Policy,
    proof: Option<&Proof>,
    host: &mut impl Host,
) -> Outcome {
    let now = host.now();
    let settings_hash = host.settings_hash();
    let before = BeforeLookUp::weigh(Login { event, policy, proof, settings_hash, now });
    let asks = before.needs_look_up();
    let looked_up = if asks { look_up(event, policy, host) } else { Ok(Vec::new()) };
    let (found, failed) = match looked_up {
        Ok(found) => (found, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    // Freed with the instance, all at once.
    let found = ManuallyDrop::new(found);
    // Only a login that finds no account reports what the look-up may have missed.
    let exact_look_up = asks && found.is_empty() && failed.is_none() && !host.ignores_case();
    let input = Input { event, policy, found: &found, failed: failed.as_ref(), proof, exact_look_up, now };
    if let Some(proof) = proof
        && asks
        && failed.is_none()
        && !found.iter().any(|user| user.user_id == proof.candidate)
    {
        let detail = "The account that was proved does not have this login's address, or no longer has it.";
        let why = ReasonCode::ProofForeign.about(&[&event.user.user_id], detail);
        return decide_unproved(event, policy, why);
    }
    let mut plan = before.decide(&input);
    let is_stale = |reason: &Reason| reason.code == ReasonCode::ProofStale.as_str();
    if policy.mode == Mode::Required && plan.reasons.first().is_some_and(is_stale) {
        let why = plan.reasons.swap_remove(0);
        return Outcome { trace: plan.trace, ..decide_unproved(event, policy, why) };
    }
    let counterfactual = event.trace.then(|| counterfactual::explain(&input, &plan)).flatten();
    let trace = std::mem::take(&mut plan.trace);
    let was_to_link = matches!(plan.decision, PlannedDecision::Link(_));
    let done = carry_out(plan, policy, host);
    // The changes explain the decision only where its links were made.
    let is_linked = matches!(done.decision, Decision::Linked(_));
    let counterfactual = counterfactual.filter(|_| was_to_link == is_linked);
    Outcome { trace, counterfactual, ..done }
}

fn carry_out(plan: PlannedOutcome, policy: &Policy, host: &mut impl Host) -> Outcome {
    let PlannedOutcome { decision, reasons, .. } = plan;
    match decision {
        PlannedDecision::Proceed => outcome(Decision::Proceed, reasons),
        PlannedDecision::Ask(step, candidates) => {
            outcome(Decision::Suggest(Suggestion { step, candidates }), reasons)
        }
        PlannedDecision::Deny(message) => outcome(Decision::Deny(message), reasons),
        PlannedDecision::Link(requests) => link(requests, reasons, policy, host),
    }
}

/// Looks up every user with the address as it is written or in lower case. The
/// lower-cased form, which databases store, takes a look-up of its own where the
/// directory is case-sensitive.
fn look_up(event: &LoginEvent, policy: &Policy, host: &mut impl Host) -> Result<Vec<User>, ApiError> {
    let email = event.user.email.as_deref().unwrap_or_default();
    let mut found = host.find_by_email(email)?;
    let is_exact = policy.email_compare == ligature_link_policy::EmailCompare::Exact;
    if !is_exact && holds_capital(email.as_bytes()) && !host.ignores_case() {
        for user in host.find_by_email(&email.to_ascii_lowercase())? {
            if found.iter().all(|known| known.user_id != user.user_id) {
                found.push(user);
            }
        }
    }
    Ok(found)
}

fn link(
    requests: Vec<LinkRequest>,
    mut reasons: Vec<Reason>,
    policy: &Policy,
    host: &mut impl Host,
) -> Outcome {
    let mut linked = None;
    for mut request in requests {
        match request_link(&mut request, &mut reasons, host) {
            Ok(()) => linked = Some(request.primary),
            Err(error) => {
                reasons.insert(0, link_failed(&request, &error));
                let decision = match (linked, policy.on_error) {
                    // An earlier link stays, and the login follows it.
                    (Some(primary), _) => Decision::Linked(primary),
                    (None, OnError::LoginWithoutLink) => {
                        reasons.truncate(1);
                        Decision::Proceed
                    }
                    (None, OnError::Deny) => {
                        reasons.truncate(1);
                        Decision::Deny(
                            "Your accounts could not be linked. Please try again later.".to_owned(),
                        )
                    }
                };
                return outcome(decision, reasons);
            }
        }
    }
    let decision = linked.map_or(Decision::Proceed, Decision::Linked);
    outcome(decision, reasons)
}

/// Makes one link. The deciding reason, which is the first one, moves into the request and back: the
/// others are in the outcome.
fn request_link(
    request: &mut LinkRequest,
    reasons: &mut Vec<Reason>,
    host: &mut impl Host,
) -> Result<(), ApiError> {
    request.reasons = vec![reasons.swap_remove(0)];
    let linked = host.link(request);
    if let Some(deciding) = request.reasons.pop() {
        reasons.push(deciding);
        let last = reasons.len() - 1;
        reasons.swap(0, last);
    }
    linked
}

fn link_failed(request: &LinkRequest, error: &ApiError) -> Reason {
    let code = match error {
        ApiError::AlreadyLinked(_) | ApiError::NotFound(_) => ReasonCode::RaceLost,
        ApiError::StateChanged(_) => ReasonCode::StateChanged,
        ApiError::Refused(_) | ApiError::BudgetSpent(_) => ReasonCode::PlanRejected,
        ApiError::RateLimited(_) => ReasonCode::RateLimited,
        _ => ReasonCode::LinkFailed,
    };
    let subject = [request.primary.as_str(), request.secondary.as_str()];
    // After some errors it is not known whether the accounts are linked.
    let what =
        if code == ReasonCode::LinkFailed { "The link failed" } else { "The accounts were not linked" };
    code.about(&subject, format!("{what}: {}.", error_words(error)))
}

fn outcome(decision: Decision, reasons: Vec<Reason>) -> Outcome {
    Outcome { decision, reasons, trace: Vec::new(), counterfactual: None }
}
