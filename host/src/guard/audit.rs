//! The record of a login's refusals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A host call that the guard refused, or several equal ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// The host call.
    pub call: String,
    /// The reason of the refusal.
    pub why: String,
    /// The number of equal calls.
    pub times: u32,
}

/// The most different refusals that are kept; equal ones are counted. A plugin
/// can be refused as often as its fuel allows, each time for another reason.
const MAX_DIFFERENT: usize = 100;

/// The refusals of one login, in the order of their first occurrence.
#[derive(Debug, Default)]
pub(super) struct Audit {
    refusals: Vec<Refusal>,
}

impl Audit {
    /// Returns the refusals so far, each different one once.
    pub(super) fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// Records a refusal of `call` for the reason `why`.
    pub(super) fn record(&mut self, call: &str, why: &str) {
        let different = self.refusals.len().min(MAX_DIFFERENT);
        let (different, rest) = self.refusals.split_at_mut(different);
        let known = different.iter_mut().find(|refusal| refusal.call == call && refusal.why == why);
        if let Some(known) = known.or(rest.first_mut()) {
            known.times = known.times.saturating_add(1);
            return;
        }
        let (call, why) = if self.refusals.len() < MAX_DIFFERENT {
            (call.to_owned(), why.to_owned())
        } else {
            (
                "more calls".to_owned(),
                format!("the first {MAX_DIFFERENT} different refusals of a login are listed"),
            )
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
            audit.record("accounts.link", &format!("why {number}"));
        }
        audit.record("accounts.link", "why 0");
        let refusals = audit.refusals();
        let times = |index: usize| refusals[index].times;
        assert_eq!((refusals.len(), times(0), times(99), times(100)), (101, 2, 1, 900));
        assert_eq!(refusals[100].why, "the first 100 different refusals of a login are listed");
    }
}
