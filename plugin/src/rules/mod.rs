//! The rules, in two tables: those that are evaluated before the look-up, on the
//! login alone, and those that are evaluated after it. The first that stops the
//! decision decides; all of them are traced.
//!
//! A new rule is a function in one of the files below, a line in one of the two
//! tables, and a case. Its number is its place.

mod accounts;
mod before_look_up;
mod candidates;
mod case_variants;
mod mode;
mod ruling;

use crate::situation::{LoginContext, Situation};

pub(crate) use accounts::sides;
pub(crate) use ruling::{EarlierRuling, RuleResult, Ruling, RulingKind};

/// A rule that is evaluated on the login alone. No account is looked up for a login
/// that one of these stops.
pub(crate) struct RuleBefore {
    pub(crate) name: &'static str,
    pub(crate) weigh: fn(&LoginContext) -> RuleResult,
}

/// A rule that is evaluated on the login and the accounts found.
pub(crate) struct RuleAfter {
    pub(crate) name: &'static str,
    /// Whether the rule can replace the ruling of an earlier rule.
    pub(crate) overrules: bool,
    pub(crate) weigh: fn(&Situation, &EarlierRuling) -> RuleResult,
}

/// The rules that are evaluated before the look-up, in order.
pub(crate) const BEFORE_LOOK_UP: [RuleBefore; 7] = [
    before("the login is not excluded", before_look_up::excluded),
    before("the login's account is not blocked", before_look_up::blocked),
    before("the address can be compared", before_look_up::address),
    before("the login's address is verified", before_look_up::verified),
    before("the login's connections may claim the domain", before_look_up::domain_owned),
    before("the login's domain is allowed", before_look_up::domain_allowed),
    before("the other accounts are looked up at this login", before_look_up::due),
];

/// The rules that are evaluated after the look-up, in order.
pub(crate) const AFTER_LOOK_UP: [RuleAfter; 27] = [
    after("the look-up is complete", candidates::look_up_complete),
    after("no candidate is excluded", candidates::excluded),
    after("the candidates' connections may claim the domain", candidates::domain_owned),
    after("the candidates' domain is allowed", candidates::domain_allowed),
    after("an account found is eligible", candidates::dropped),
    after("the look-up finds every spelling of the address", case_variants::capitals),
    after("there is a candidate", candidates::candidate),
    after("no candidate is blocked", candidates::candidate_blocked),
    after("the candidate's current address is verified", candidates::candidate_verified),
    after("no provider has two ids for the accounts", candidates::same_provider),
    after("databases and address are unambiguous", case_variants::ambiguous),
    after("the candidate is unambiguous", case_variants::one_meant),
    after("both belong to one organization and group", accounts::organization),
    after("a directory manages at most one", accounts::managed),
    after("required metadata is equal", accounts::metadata_equal),
    after("neither account is privileged", accounts::privileged),
    after("no second factor is bypassed or lost", accounts::mfa),
    // The stronger question first: a log-in to the other account, then a yes.
    after("the connections that prove the address are trusted", accounts::trusted),
    after("every linked identity proves the address", accounts::trojan),
    after("the primary is chosen", accounts::primary),
    after("no account with linked identities is demoted", accounts::demotes),
    after("the primary stays within limits", accounts::limits),
    after("the mode asks", mode::mode_asks),
    overruling("the user can be asked now", mode::can_ask),
    after("a required link is not declined", mode::required),
    overruling("the mode only observes", mode::observes),
    after("everything has passed", mode::link_or_proceed),
];

/// The names of all rules, in their order. A rule's number is its place, from 1.
pub const RULES: [&str; BEFORE_LOOK_UP.len() + AFTER_LOOK_UP.len()] = {
    let mut names = [""; BEFORE_LOOK_UP.len() + AFTER_LOOK_UP.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = match place.checked_sub(BEFORE_LOOK_UP.len()) {
            None => BEFORE_LOOK_UP[place].name,
            Some(behind) => AFTER_LOOK_UP[behind].name,
        };
        place += 1;
    }
    names
};

const fn before(name: &'static str, weigh: fn(&LoginContext) -> RuleResult) -> RuleBefore {
    RuleBefore { name, weigh }
}

const fn after(name: &'static str, weigh: fn(&Situation, &EarlierRuling) -> RuleResult) -> RuleAfter {
    RuleAfter { name, overrules: false, weigh }
}

const fn overruling(name: &'static str, weigh: fn(&Situation, &EarlierRuling) -> RuleResult) -> RuleAfter {
    RuleAfter { name, overrules: true, weigh }
}
