//! The rules, in their order. The first that stops the decision decides; all of
//! them are traced.

mod accounts;
mod candidates;
mod login;
mod mode;

use std::borrow::Cow;

use link_policy::Strictness;

use crate::bindings::{ApiError, Reason, Step};
use crate::situation::{Candidate, Situation};

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

pub(crate) const RULES: [Rule; 29] = [
    Rule { number: 1, name: "nothing is excluded", overrules: false, weigh: login::excluded },
    Rule {
        number: 2,
        name: "the login's account is not blocked",
        overrules: false,
        weigh: login::current_blocked,
    },
    Rule { number: 3, name: "the address can be compared", overrules: false, weigh: login::address },
    Rule { number: 4, name: "the login's address is verified", overrules: false, weigh: login::verified },
    Rule {
        number: 5,
        name: "the connection speaks for the domain",
        overrules: false,
        weigh: login::domain_owned,
    },
    Rule { number: 6, name: "the domain is allowed", overrules: false, weigh: login::domain_allowed },
    Rule { number: 7, name: "the look-up is complete", overrules: false, weigh: login::look_up },
    Rule {
        number: 8,
        name: "some account found can be weighed",
        overrules: false,
        weigh: candidates::dropped,
    },
    Rule { number: 9, name: "there is a candidate", overrules: false, weigh: candidates::candidate },
    Rule {
        number: 10,
        name: "no candidate is blocked",
        overrules: false,
        weigh: candidates::candidate_blocked,
    },
    Rule {
        number: 11,
        name: "the candidate is verified, as it is now",
        overrules: false,
        weigh: candidates::candidate_verified,
    },
    Rule {
        number: 12,
        name: "no provider knows the address twice",
        overrules: false,
        weigh: candidates::same_provider,
    },
    Rule {
        number: 13,
        name: "the candidate's database and address are unambiguous",
        overrules: false,
        weigh: candidates::ambiguous,
    },
    Rule { number: 14, name: "one candidate is meant", overrules: false, weigh: candidates::one_meant },
    Rule {
        number: 15,
        name: "both belong to one organization and group",
        overrules: false,
        weigh: accounts::organization,
    },
    Rule { number: 16, name: "a directory manages at most one", overrules: false, weigh: accounts::managed },
    Rule {
        number: 17,
        name: "metadata that must be equal is",
        overrules: false,
        weigh: accounts::metadata_equal,
    },
    Rule { number: 18, name: "neither account has power", overrules: false, weigh: accounts::privileged },
    Rule { number: 19, name: "MFA is not bypassed", overrules: false, weigh: accounts::mfa },
    Rule {
        number: 20,
        name: "the candidate's identities are its owner's",
        overrules: false,
        weigh: accounts::trojan,
    },
    Rule { number: 21, name: "both connections are trusted", overrules: false, weigh: accounts::trusted },
    Rule { number: 22, name: "the primary is chosen", overrules: false, weigh: accounts::primary },
    Rule {
        number: 23,
        name: "no account with linked identities is demoted",
        overrules: false,
        weigh: accounts::demotes,
    },
    Rule { number: 24, name: "the primary stays within limits", overrules: false, weigh: accounts::limits },
    Rule { number: 25, name: "the mode asks", overrules: false, weigh: mode::mode_asks },
    Rule { number: 26, name: "the user can be asked now", overrules: true, weigh: mode::can_ask },
    Rule { number: 27, name: "a required link is not declined", overrules: false, weigh: mode::required },
    Rule { number: 28, name: "the mode only observes", overrules: true, weigh: mode::observes },
    Rule { number: 29, name: "everything has passed", overrules: false, weigh: mode::all_passed },
];

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
fn strictly(s: &Situation, how: Strictness, candidate: &Candidate, reason: Reason) -> Verdict {
    match how {
        Strictness::Deny => no_op(reason),
        Strictness::Suggest => {
            ask(s, Step::ReauthenticateCandidate, &[candidate.account.id()], false, reason)
        }
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
