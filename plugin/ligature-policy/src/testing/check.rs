//! Checks that an outcome reports the links that were made, and names only users that
//! the policy has received.

use super::contract::check_outcome;
use super::guard::Guard;
use super::words::{NAME, join_lines};
use crate::{Decision, Outcome};

pub(super) fn outcome(outcome: &Outcome, guard: &Guard) -> Result<(), String> {
    check_outcome(outcome)?;
    check_links(outcome, guard)?;
    if let Decision::Suggest(suggestion) = &outcome.decision {
        check_candidates(&suggestion.candidates, guard)?;
    }
    match guard.find_stranger(&outcome.reasons) {
        Some(why) => Err(why),
        None => Ok(()),
    }
}

fn check_candidates(candidates: &[String], guard: &Guard) -> Result<(), String> {
    if candidates.iter().any(|id| guard.is_own(id)) {
        return Err("it suggests the login's own user".to_owned());
    }
    match candidates.iter().find(|id| !guard.knows(id)) {
        Some(id) => {
            let id = join_lines(id, NAME);
            Err(format!("it suggests `{id}`, a user that no look-up of this login returned"))
        }
        None => Ok(()),
    }
}

fn check_links(outcome: &Outcome, guard: &Guard) -> Result<(), String> {
    match (&outcome.decision, guard.linked()) {
        (Decision::Linked(primary), Some(linked)) if primary == linked => Ok(()),
        (Decision::Linked(_), Some(linked)) => Err(format!("it names another primary than {linked}")),
        (Decision::Linked(_), None) => Err("it says `linked`, and nothing was linked".to_owned()),
        (Decision::Deny(_), _) | (_, None) => Ok(()),
        (_, Some(linked)) => Err(format!("it has linked the login into {linked} and does not report it")),
    }
}
