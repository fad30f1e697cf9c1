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
mod weighing;

use crate::situation::{LoginContext, Situation};

pub(crate) use accounts::sides;
pub(crate) use ruling::{Ruling, RulingKind};
pub(crate) use weighing::Weighing;

/// Declares a table of rules, in order, and the function that weighs all of them. The function calls
/// each rule where it stands: the host prepares a function that is called through a pointer anew in
/// every instance, and a loop over the places costs more than most rules.
macro_rules! rules {
    ($(#[$doc:meta])* $table:ident, $weigh:ident($weighing:ident, $subject:ident: $kind:ty)
    $arguments:tt {
        $($name:literal => $rule:path $([$overrules:ident])?;)+
    }) => {
        $(#[$doc])*
        pub(crate) const $table: &[&str] = &[$($name),+];

        /// Weighs the rules of the table, in order.
        pub(crate) fn $weigh($weighing: &mut Weighing, $subject: $kind) {
            $(
                if $weighing.is_due($name, stringify!($($overrules)?).len() > 0) {
                    let result = $rule $arguments;
                    $weighing.take($name, result);
                }
            )+
        }
    };
}

rules! {
    /// The rules on the login alone, in the order of evaluation. No account is looked up
    /// for a login that one of these rules stops.
    BEFORE_LOOK_UP, weigh_before(weighing, login: &LoginContext)(login) {
        "the login is not excluded" => before_look_up::excluded;
        "the login's account is not blocked" => before_look_up::blocked;
        "the address can be compared" => before_look_up::address;
        "the login's address is verified" => before_look_up::verified;
        "the login's connections may claim the domain" => before_look_up::domain_owned;
        "the login's domain is allowed" => before_look_up::domain_allowed;
        "the other accounts are looked up at this login" => before_look_up::due;
    }
}

rules! {
    /// The rules on the login and the accounts found, in the order of evaluation.
    AFTER_LOOK_UP, weigh_after(weighing, situation: &Situation)(situation, &weighing.earlier) {
        "the look-up is complete" => candidates::look_up_complete;
        "no candidate is excluded" => candidates::excluded;
        "the candidates' connections may claim the domain" => candidates::domain_owned;
        "the candidates' domain is allowed" => candidates::domain_allowed;
        "an account found is eligible" => candidates::dropped;
        "the look-up finds every spelling of the address" => case_variants::capitals;
        "there is a candidate" => candidates::candidate;
        "no candidate is blocked" => candidates::candidate_blocked;
        "the candidate's current address is verified" => candidates::candidate_verified;
        "no provider has two ids for the accounts" => candidates::same_provider;
        "databases and address are unambiguous" => case_variants::ambiguous;
        "the candidate is unambiguous" => case_variants::one_meant;
        "both belong to one organization and group" => accounts::organization;
        "a directory manages at most one" => accounts::managed;
        "required metadata is equal" => accounts::metadata_equal;
        "neither account is privileged" => accounts::privileged;
        "no second factor is bypassed or lost" => accounts::mfa;
        // The stronger question first: a log-in to the other account, then a yes.
        "the connections that prove the address are trusted" => accounts::trusted;
        "every linked identity proves the address" => accounts::trojan;
        "the primary is chosen" => accounts::primary;
        "no account with linked identities is demoted" => accounts::demotes;
        "the primary stays within limits" => accounts::limits;
        "the mode asks" => mode::mode_asks;
        "the user can be asked now" => mode::can_ask [overrules];
        "a required link is not declined" => mode::required;
        "the mode only observes" => mode::observes [overrules];
        "everything has passed" => mode::link_or_proceed;
    }
}

/// The names of all rules, in their order. A rule's number is its place, from 1.
pub const RULES: [&str; BEFORE_LOOK_UP.len() + AFTER_LOOK_UP.len()] = {
    let mut names = [""; BEFORE_LOOK_UP.len() + AFTER_LOOK_UP.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = match place.checked_sub(BEFORE_LOOK_UP.len()) {
            None => BEFORE_LOOK_UP[place],
            Some(behind) => AFTER_LOOK_UP[behind],
        };
        place += 1;
    }
    names
};
