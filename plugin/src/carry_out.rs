//! From a login to its outcome: asks the host, decides, does what was decided.

use std::mem::ManuallyDrop;

use link_policy::{Mode, OnError, Policy};

use crate::bindings::{
    Answer, ApiError, Decision, LinkRequest, LoginEvent, Outcome, Proof, Reason, Response, Suggestion,
    Timestamp, User,
};
use crate::counterfactual;
use crate::decide::{BeforeLookUp, Input, Plan, PlannedDecision};
use crate::linking_state::LinkingState;
use crate::reason::Code;
use crate::rules::error_words;

/// What the plugin asks of its host.
pub trait Host {
    /// Every user but the login's own with this address.
    ///
    /// # Errors
    ///
    /// What the host answers instead.
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError>;

    /// Whether a look-up finds an address whatever the case of its ASCII
    /// letters.
    fn ignores_case(&mut self) -> bool;

    /// Links two users.
    ///
    /// # Errors
    ///
    /// What the host answers instead; nothing was changed then.
    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError>;

    /// The login's time.
    fn now(&mut self) -> Timestamp;
}

/// Decides one login and carries the decision out.
pub fn on_login(event: &LoginEvent, policy: &Policy, host: &mut impl Host) -> Outcome {
    decide_and_do(event, policy, None, host)
}

/// Goes on with a login after the user was asked. Links only if the proof names
/// this login's pair.
pub fn on_continue(event: &LoginEvent, answer: &Answer, policy: &Policy, host: &mut impl Host) -> Outcome {
    let proof = match &answer.response {
        Response::Declined => return declined(event, policy),
        Response::Confirmed(proof) => proof,
    };
    match unusable(event, policy, proof, host.now()) {
        Some(reason) => outcome(Decision::Proceed, vec![reason]),
        None => decide_and_do(event, policy, Some(proof), host),
    }
}

fn declined(event: &LoginEvent, policy: &Policy) -> Outcome {
    let subject = &[event.user.user_id.as_str()];
    let asked = LinkingState::read(event.user.app_metadata.as_deref()).prompts();
    if policy.mode == Mode::Required && asked > policy.prompts.grace {
        let reason =
            Code::LinkRequired.about(subject, "The policy requires the link, and the user has declined.");
        let message = "To go on, please confirm your other account.".to_owned();
        return outcome(Decision::Deny(message), vec![reason]);
    }
    outcome(Decision::Proceed, vec![Code::Declined.about(subject, "The user was asked and has declined.")])
}

/// Why the proof is none for this login, if it is not.
fn unusable(event: &LoginEvent, policy: &Policy, proof: &Proof, now: Timestamp) -> Option<Reason> {
    let subject = &[event.user.user_id.as_str()];
    if proof.current != event.user.user_id || proof.candidate == proof.current {
        return Some(
            Code::ProofForeign.about(subject, "The proof is about other accounts than this login's."),
        );
    }
    if !policy.counts_as_proof(proof.proved_at, now) {
        return Some(Code::ProofStale.about(subject, "The proof is too old, or from the future."));
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
    let before = BeforeLookUp::weigh(event, policy);
    let asks = before.needs_look_up();
    let looked_up = if asks { look_up(event, policy, host) } else { Ok(Vec::new()) };
    let (found, failed) = match looked_up {
        Ok(found) => (found, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    // Freed with the instance, all at once.
    let found = ManuallyDrop::new(found);
    // Only a login that finds nobody has to know what may have been missed.
    let exact_look_up = asks && found.is_empty() && failed.is_none() && !host.ignores_case();
    let input = Input { event, policy, found: &found, failed: failed.as_ref(), proof, exact_look_up, now };
    if let Some(proof) = proof
        && asks
        && failed.is_none()
        && !found.iter().any(|user| user.user_id == proof.candidate)
    {
        let detail = "The account that was proved does not have this login's address, or not any more.";
        return outcome(Decision::Proceed, vec![Code::ProofForeign.about(&[&event.user.user_id], detail)]);
    }
    let plan = before.decide(&input);
    let counterfactual = event.trace.then(|| counterfactual::of(&input, &plan)).flatten();
    let trace = plan.trace.clone();
    let was_to_link = matches!(plan.decision, PlannedDecision::Link(_));
    let done = carry_out(plan, policy, host);
    // A link that was not made would not be undone by another decision.
    let is_linked = matches!(done.decision, Decision::Linked(_));
    let counterfactual = counterfactual.filter(|_| was_to_link == is_linked);
    Outcome { trace, counterfactual, ..done }
}

fn carry_out(plan: Plan, policy: &Policy, host: &mut impl Host) -> Outcome {
    let Plan { decision, reasons, .. } = plan;
    match decision {
        PlannedDecision::Proceed => outcome(Decision::Proceed, reasons),
        PlannedDecision::Ask(step, candidates) => {
            outcome(Decision::Suggest(Suggestion { step, candidates }), reasons)
        }
        PlannedDecision::Deny(message) => outcome(Decision::Deny(message), reasons),
        PlannedDecision::Link(requests) => link(&requests, reasons, policy, host),
    }
}

/// Every user with the address as it stands or in lower case. The lower-cased
/// form, which databases store, takes a look-up of its own where the directory's
/// is case-sensitive.
fn look_up(event: &LoginEvent, policy: &Policy, host: &mut impl Host) -> Result<Vec<User>, ApiError> {
    let email = event.user.email.as_deref().unwrap_or_default();
    let mut found = host.find_by_email(email)?;
    let lower = email.to_ascii_lowercase();
    let is_wanted = lower != email && policy.email_compare != link_policy::EmailCompare::Exact;
    if is_wanted && !host.ignores_case() {
        for user in host.find_by_email(&lower)? {
            if found.iter().all(|known| known.user_id != user.user_id) {
                found.push(user);
            }
        }
    }
    Ok(found)
}

fn link(
    requests: &[LinkRequest],
    mut reasons: Vec<Reason>,
    policy: &Policy,
    host: &mut impl Host,
) -> Outcome {
    let mut linked = None;
    for request in requests {
        match host.link(request) {
            Ok(()) => linked = Some(request.primary.clone()),
            Err(error) => {
                reasons.insert(0, link_failed(request, &error));
                let decision = match (linked, policy.on_error) {
                    // What was linked before stays, and the login follows it.
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

fn link_failed(request: &LinkRequest, error: &ApiError) -> Reason {
    let code = match error {
        ApiError::AlreadyLinked(_) | ApiError::NotFound(_) => Code::RaceLost,
        ApiError::StateChanged(_) => Code::StateChanged,
        ApiError::Refused(_) | ApiError::BudgetSpent(_) => Code::PlanRejected,
        ApiError::RateLimited(_) => Code::RateLimited,
        _ => Code::LinkFailed,
    };
    let subject = [request.primary.as_str(), request.secondary.as_str()];
    let words: String = error_words(error).chars().take(300).collect();
    code.about(&subject, format!("The accounts were not linked: {words}."))
}

fn outcome(decision: Decision, reasons: Vec<Reason>) -> Outcome {
    Outcome { decision, reasons, trace: Vec::new(), counterfactual: None }
}
