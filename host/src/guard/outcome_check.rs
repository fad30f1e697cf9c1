//! The check of a plugin's outcome against what happened in the login.

use super::login_guard::Guard;
use crate::model::{Decision, Outcome, Reason, join_lines};

/// The length to which a message shortens a name, in bytes.
const NAME: usize = 100;

impl Guard {
    /// Checks that an outcome is true, and names only users that the plugin has
    /// seen.
    ///
    /// # Errors
    ///
    /// The fault, in words.
    pub fn check_outcome(&self, outcome: &Outcome) -> Result<(), String> {
        match (&outcome.decision, self.linked()) {
            (Decision::Linked { primary }, Some(linked)) if primary == linked => {}
            (Decision::Linked { .. }, Some(linked)) => {
                return Err(format!("it names another primary than {linked}"));
            }
            (Decision::Linked { .. }, None) => {
                return Err("it says `linked`, and nothing was linked".to_owned());
            }
            (Decision::Deny { .. }, _) | (_, None) => {}
            (_, Some(linked)) => {
                return Err(format!("it has linked the login into {linked} and does not report it"));
            }
        }
        if let Decision::Suggest { candidates, .. } = &outcome.decision {
            self.check_candidates(candidates)?;
        }
        match self.find_unknown_subject(&outcome.reasons) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    fn check_candidates(&self, candidates: &[String]) -> Result<(), String> {
        if candidates.is_empty() {
            return Err("it suggests no user".to_owned());
        }
        if candidates.iter().any(|id| self.is_own(id)) {
            return Err("it suggests the login's own user".to_owned());
        }
        match candidates.iter().find(|id| !self.is_known(id)) {
            Some(id) => {
                let id = join_lines(id, NAME);
                Err(format!("it suggests `{id}`, a user that no look-up of this login returned"))
            }
            None => Ok(()),
        }
    }

    /// Returns the fault if a reason is about a user that the plugin has not
    /// seen.
    pub(super) fn find_unknown_subject(&self, reasons: &[Reason]) -> Option<String> {
        let unknown = |reason: &Reason| reason.subject.iter().find(|id| !self.is_known(id)).cloned();
        reasons.iter().find_map(|reason| {
            let id = unknown(reason)?;
            let (code, id) = (join_lines(&reason.code, NAME), join_lines(&id, NAME));
            Some(format!("`{code}` is about `{id}`, a user that no look-up of this login returned"))
        })
    }
}
