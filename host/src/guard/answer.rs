//! Whether an answer says what has happened, and names nobody unknown.

use super::Guard;
use crate::model::{Decision, Outcome, Reason, on_one_line};

/// A name within a message, in bytes.
pub(super) const NAME: usize = 100;

impl Guard {
    /// Whether an outcome says what has happened and names nobody whom the
    /// plugin has not been shown.
    ///
    /// # Errors
    ///
    /// The fault.
    pub fn check(&self, outcome: &Outcome) -> Result<(), String> {
        match (&outcome.decision, self.linked()) {
            (Decision::Linked { primary }, Some(linked)) if primary == linked => {}
            (Decision::Linked { .. }, Some(linked)) => {
                return Err(format!("it says that the login was linked into another user than {linked}"));
            }
            (Decision::Linked { .. }, None) => {
                return Err("it says `linked`, and nothing was linked".to_owned());
            }
            (Decision::Deny { .. }, _) | (_, None) => {}
            (_, Some(linked)) => {
                return Err(format!("it has linked the login into {linked} and does not say so"));
            }
        }
        if let Decision::Suggest { candidates, .. } = &outcome.decision {
            self.check_candidates(candidates)?;
        }
        match self.stranger_of(&outcome.reasons) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    fn check_candidates(&self, candidates: &[String]) -> Result<(), String> {
        if candidates.is_empty() {
            return Err("it suggests nobody".to_owned());
        }
        if candidates.iter().any(|id| self.is_own(id)) {
            return Err("it suggests the login's own user".to_owned());
        }
        match candidates.iter().find(|id| !self.knows(id)) {
            Some(id) => {
                let id = on_one_line(id, NAME);
                Err(format!("it suggests `{id}`, a user that no look-up of this login returned"))
            }
            None => Ok(()),
        }
    }

    /// The fault, if a reason is about a user that the plugin has not been
    /// shown.
    pub(super) fn stranger_of(&self, reasons: &[Reason]) -> Option<String> {
        let strangers = |reason: &Reason| reason.subject.iter().find(|id| !self.knows(id)).cloned();
        reasons.iter().find_map(|reason| {
            let stranger = strangers(reason)?;
            let (code, id) = (on_one_line(&reason.code, NAME), on_one_line(&stranger, NAME));
            Some(format!("`{code}` is about `{id}`, a user that no look-up of this login returned"))
        })
    }

    /// The login's own user, its primary, or one that was looked up.
    fn knows(&self, user_id: &str) -> bool {
        self.is_own(user_id) || self.seen.contains_key(user_id)
    }

    fn is_own(&self, user_id: &str) -> bool {
        user_id == self.user_id || user_id == self.login.event.user.user_id
    }
}
