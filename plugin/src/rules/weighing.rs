//! Weighing one rule after the other, and the state between them.

use super::ruling::{EarlierRuling, RuleResult, Ruling};
use crate::bindings::{Reason, Verdict};
use crate::reason::truncate;

/// The state of a decision between two rules.
pub(crate) struct Weighing {
    /// The ruling in force, if a rule has decided.
    pub(crate) earlier: EarlierRuling,
    /// The name of the first rule that has decided.
    pub(crate) decided_by: Option<&'static str>,
    /// The reasons of rulings that were replaced.
    pub(crate) overruled: Vec<Reason>,
    /// The reasons to report beside the deciding one.
    pub(crate) notes: Vec<Reason>,
    /// The result of each rule so far, if they are traced.
    pub(crate) trace: Vec<Verdict>,
    is_traced: bool,
    /// Whether the rules that follow are about accounts that were not looked up.
    pub(crate) lacks_look_up: bool,
}

impl Weighing {
    pub(crate) fn new(is_traced: bool) -> Self {
        Self {
            earlier: None,
            decided_by: None,
            overruled: Vec::new(),
            notes: Vec::new(),
            trace: Vec::new(),
            is_traced,
            lacks_look_up: false,
        }
    }

    /// Returns whether the rule of this name, which is the next one, has to be weighed. Only an
    /// overruling rule can change a decision; the others are weighed for the trace.
    #[inline(always)]
    pub(super) fn is_due(&mut self, name: &'static str, overrules: bool) -> bool {
        self.earlier.is_none() || overrules || self.is_traced && self.applies(name)
    }

    /// Returns whether a rule applies to the accounts found, if there was a look-up. Traces it
    /// otherwise.
    #[cold]
    fn applies(&mut self, name: &'static str) -> bool {
        if self.lacks_look_up {
            self.trace(name, NOT_APPLICABLE, "");
        }
        !self.lacks_look_up
    }

    /// Takes the result of the next rule. Most rules pass, which takes two comparisons here.
    #[inline(always)]
    pub(super) fn take(&mut self, name: &'static str, result: RuleResult) {
        match result {
            RuleResult::NotApplicable if self.is_traced => self.trace(name, NOT_APPLICABLE, ""),
            RuleResult::Passes(evidence) if self.is_traced => self.trace(name, "passes", &evidence),
            RuleResult::NotApplicable | RuleResult::Passes(_) => {}
            RuleResult::Notes(reasons) => self.note(name, reasons),
            RuleResult::Decides(ruling) => self.decide(name, ruling),
            RuleResult::Overrules(ruling) => self.overrule(name, ruling),
        }
    }

    #[inline(never)]
    fn note(&mut self, name: &'static str, reasons: Vec<Reason>) {
        if self.is_traced {
            let codes: Vec<&str> = reasons.iter().map(|it| it.code.as_str()).collect();
            self.trace(name, "notes", &codes.join(", "));
        }
        if self.earlier.is_some() {
            return;
        }
        if self.notes.is_empty() {
            self.notes = reasons;
        } else {
            self.notes.extend(reasons);
        }
    }

    #[inline(never)]
    fn decide(&mut self, name: &'static str, ruling: Ruling) {
        let is_decided = self.earlier.is_some();
        if self.is_traced {
            self.trace(name, if is_decided { "would decide" } else { "decides" }, &ruling.reason.code);
        }
        if !is_decided {
            self.decided_by = Some(name);
            self.earlier = Some(ruling);
        }
    }

    #[inline(never)]
    fn overrule(&mut self, name: &'static str, ruling: Ruling) {
        if self.is_traced {
            self.trace(name, "overrules", &ruling.reason.code);
        }
        self.overruled.extend(self.earlier.replace(ruling).map(|earlier| earlier.reason));
    }

    /// Adds the line of the next rule to the trace.
    #[cold]
    fn trace(&mut self, name: &str, verdict: &str, evidence: &str) {
        self.trace.push(Verdict {
            rule: format!("{} {name}", self.trace.len() + 1),
            verdict: verdict.to_owned(),
            evidence: truncate(evidence.to_owned()),
        });
    }
}

const NOT_APPLICABLE: &str = "not applicable";
