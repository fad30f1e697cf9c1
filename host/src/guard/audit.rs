//! The record of what the guard refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a plugin tried and the guard did not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// The host call.
    pub call: String,
    /// The reason of the refusal.
    pub why: String,
    /// How often the same was tried.
    pub times: u32,
}

/// Refusals that are told apart: each is told once, with how often. A plugin
/// can be refused as often as its fuel allows, each time for another reason.
const TOLD_APART: usize = 100;

/// The refusals of one login, in the order of the first time.
#[derive(Debug, Default)]
pub(super) struct Audit {
    refusals: Vec<Refusal>,
}

impl Audit {
    pub(super) fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    pub(super) fn note(&mut self, call: &str, why: &str) {
        let told_apart = self.refusals.len().min(TOLD_APART);
        let (told_apart, rest) = self.refusals.split_at_mut(told_apart);
        let known = told_apart.iter_mut().find(|refusal| refusal.call == call && refusal.why == why);
        if let Some(known) = known.or(rest.first_mut()) {
            known.times = known.times.saturating_add(1);
            return;
        }
        let (call, why) = if self.refusals.len() < TOLD_APART {
            (call.to_owned(), why.to_owned())
        } else {
            ("more calls".to_owned(), format!("{TOLD_APART} refusals of a login are told apart"))
        };
        self.refusals.push(Refusal { call, why, times: 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::Audit;

    #[test]
    fn refusals_beyond_the_limit_are_counted() {
        let mut audit = Audit::default();
        for number in 0..1_000 {
            audit.note("accounts.link", &format!("why {number}"));
        }
        audit.note("accounts.link", "why 0");
        let refusals = audit.refusals();
        let times = |index: usize| refusals[index].times;
        assert_eq!((refusals.len(), times(0), times(99), times(100)), (101, 2, 1, 900));
        assert_eq!(refusals[100].why, "100 refusals of a login are told apart");
    }
}
