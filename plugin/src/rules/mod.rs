//! The rules, in their order. The first that stops the decision decides; all of
//! them are traced.

mod accounts;
mod candidates;
mod login;
mod mode;

use std::borrow::Cow;

use link_policy::Strictness;

use crate::account::Account;
use crate::bindings::{ApiError, Reason, Step};
use crate::situation::Situation;

pub(crate) use accounts::sides;

/// One rule.
pub(crate) struct Rule {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    /// Whether it can take the place of what was decided.
    pub(crate) overrules: bool,
    pub(crate) weigh: fn(&Situation, &Course) -> Verdict,
}

/// How the decision stands when a rule is weighed: none yet, or the stop of an
/// earlier rule.
pub(crate) type Course = Option<Stop>;

/// What a rule says.
pub(crate) enum Verdict {
    /// It has nothing to weigh.
    NotApplicable,
    /// It lets the decision go on. What it rests on is written only for a trace.
    Passes(Cow<'static, str>),
    /// It lets the decision go on, and there is something to tell.
    Notes(Vec<Reason>),
    /// It decides, unless an earlier rule has.
    Stops(Stop),
    /// It takes the place of what was decided.
    Replaces(Stop),
}

/// A decision, and why.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub(crate) wish: Wish,
    pub(crate) reason: Reason,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    Proceed,
    Ask(Step, Vec<String>),
    Deny(&'static str),
    Link,
}

#[rustfmt::skip]
pub(crate) const RULES: [Rule; 29] = [
    rule(1, "nothing is excluded", login::excluded),
    rule(2, "the login's account is not blocked", login::current_blocked),
    rule(3, "the address can be compared", login::address),
    rule(4, "the login's address is verified", login::verified),
    rule(5, "the connections speak for the domain", login::domain_owned),
    rule(6, "the domain is allowed", login::domain_allowed),
    rule(7, "the look-up is complete", login::look_up),
    rule(8, "some account found can be weighed", candidates::dropped),
    rule(9, "there is a candidate", candidates::candidate),
    rule(10, "no candidate is blocked", candidates::candidate_blocked),
    rule(11, "the candidate is verified, as it is now", candidates::candidate_verified),
    rule(12, "no provider knows the accounts twice", candidates::same_provider),
    rule(13, "databases and address are unambiguous", candidates::ambiguous),
    rule(14, "one candidate is meant", candidates::one_meant),
    rule(15, "both belong to one organization and group", accounts::organization),
    rule(16, "a directory manages at most one", accounts::managed),
    rule(17, "metadata that must be equal is", accounts::metadata_equal),
    rule(18, "neither account has power", accounts::privileged),
    rule(19, "no second factor is bypassed or lost", accounts::mfa),
    // The stronger question first: a log-in to the other account, then a yes.
    rule(20, "the connections that vouch are trusted", accounts::trusted),
    rule(21, "the accounts' identities are their owners'", accounts::trojan),
    rule(22, "the primary is chosen", accounts::primary),
    rule(23, "no account with linked identities is demoted", accounts::demotes),
    rule(24, "the primary stays within limits", accounts::limits),
    rule(25, "the mode asks", mode::mode_asks),
    overruling(26, "the user can be asked now", mode::can_ask),
    rule(27, "a required link is not declined", mode::required),
    overruling(28, "the mode only observes", mode::observes),
    rule(29, "everything has passed", mode::all_passed),
];

const fn rule(number: u8, name: &'static str, weigh: fn(&Situation, &Course) -> Verdict) -> Rule {
    Rule { number, name, overrules: false, weigh }
}

const fn overruling(number: u8, name: &'static str, weigh: fn(&Situation, &Course) -> Verdict) -> Rule {
    Rule { number, name, overrules: true, weigh }
}

fn stop(wish: Wish, reason: Reason) -> Verdict {
    Verdict::Stops(Stop { wish, reason })
}

fn no_op(reason: Reason) -> Verdict {
    stop(Wish::Proceed, reason)
}

fn passes(evidence: &'static str) -> Verdict {
    Verdict::Passes(Cow::Borrowed(evidence))
}

fn passes_with(s: &Situation, evidence: impl FnOnce() -> String) -> Verdict {
    Verdict::Passes(if s.input.event.trace { Cow::Owned(evidence()) } else { Cow::Borrowed("") })
}

/// Asks, unless the user has proved this candidate already, with a second
/// factor if that is what it takes.
fn ask(s: &Situation, step: Step, candidates: &[&str], with_mfa: bool, reason: Reason) -> Verdict {
    if let Some(proof) = s.input.proof {
        let is_enough =
            !(with_mfa || step == Step::StepUpMfa) || proof.methods.iter().any(|method| method == "mfa");
        if is_enough && candidates.iter().any(|id| *id == proof.candidate) {
            return passes_with(s, || format!("the user has proved {}", proof.candidate));
        }
    }
    stop(Wish::Ask(step, candidates.iter().map(|&id| id.to_owned()).collect()), reason)
}

/// Denies, asks or allows, as the policy says.
fn strictly(s: &Situation, how: Strictness, candidate: &Account, reason: Reason) -> Verdict {
    match how {
        Strictness::Deny => no_op(reason),
        Strictness::Suggest => ask(s, Step::ReauthenticateCandidate, &[candidate.id()], false, reason),
        Strictness::Allow => passes("the policy allows it"),
    }
}

/// What the host answered, in words that fit into a sentence.
pub(crate) fn error_words(error: &ApiError) -> String {
    match error {
        ApiError::Refused(why) => format!("the host refused, {why}"),
        ApiError::BudgetSpent(which) => format!("the login's budget is spent, {which}"),
        ApiError::NotFound(what) => format!("{what} is not there"),
        ApiError::AlreadyLinked(what) => format!("already linked, {what}"),
        ApiError::StateChanged(what) => format!("something changed meanwhile, {what}"),
        ApiError::RateLimited(Some(seconds)) => format!("the directory asks to wait {seconds} s"),
        ApiError::RateLimited(None) => "the directory asks to wait".to_owned(),
        ApiError::TimedOut => "the directory did not answer in time".to_owned(),
        ApiError::Unavailable(how) => format!("the directory is unavailable, {how}"),
        ApiError::TooMany(limit) => format!("more than {limit} accounts"),
        ApiError::Invalid(what) => format!("the request makes no sense, {what}"),
        ApiError::Other(what) => what.clone(),
    }
}
