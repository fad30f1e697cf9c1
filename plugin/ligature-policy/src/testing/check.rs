//! Whether an outcome keeps to the contract, says what was done, and names
//! nobody whom the policy has not been shown.

use super::guard::Guard;
use crate::{Decision, Outcome};

/// The host's defaults.
const REASONS: usize = 100;
const TEXT_BYTES: usize = 1 << 10;

pub(super) fn outcome(outcome: &Outcome, guard: &Guard) -> Result<(), String> {
    check_form(outcome)?;
    check_links(outcome, guard)?;
    if let Decision::Suggest(suggestion) = &outcome.decision
        && suggestion.candidates.iter().any(|id| !guard.knows(id))
    {
        return Err("it suggests a user that no look-up of this login returned".to_owned());
    }
    if outcome.reasons.iter().flat_map(|reason| &reason.subject).any(|id| !guard.knows(id)) {
        return Err("a reason names a user that no look-up of this login returned".to_owned());
    }
    Ok(())
}

fn check_form(outcome: &Outcome) -> Result<(), String> {
    if outcome.reasons.is_empty() {
        return Err("it gives no reason".to_owned());
    }
    if outcome.reasons.len() > REASONS || outcome.trace.len() > REASONS {
        return Err(format!("it gives more than {REASONS} reasons or verdicts"));
    }
    let is_code = |code: &str| {
        (1..=64).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if outcome.reasons.iter().any(|reason| !is_code(&reason.code)) {
        return Err("a reason's code is not of capitals, digits and `_`, at most 64 of them".to_owned());
    }
    let details = outcome.reasons.iter().map(|reason| reason.detail.as_str());
    let traces = outcome.trace.iter().flat_map(|it| [it.rule.as_str(), &it.verdict, &it.evidence]);
    let message = match &outcome.decision {
        Decision::Deny(message) => Some(message.as_str()),
        _ => None,
    };
    let mut texts = details.chain(traces).chain(message).chain(outcome.counterfactual.as_deref());
    if texts.any(|text| text.len() > TEXT_BYTES) {
        return Err(format!("one of its texts is longer than {TEXT_BYTES} bytes"));
    }
    Ok(())
}

fn check_links(outcome: &Outcome, guard: &Guard) -> Result<(), String> {
    match (&outcome.decision, guard.linked()) {
        (Decision::Linked(primary), Some(linked)) if primary == linked => Ok(()),
        (Decision::Linked(_), Some(linked)) => {
            Err(format!("it says that the login was linked into another user than {linked}"))
        }
        (Decision::Linked(_), None) => Err("it says `linked`, and nothing was linked".to_owned()),
        (Decision::Deny(_), _) | (_, None) => Ok(()),
        (_, Some(linked)) => Err(format!("it has linked the login into {linked} and does not say so")),
    }
}
