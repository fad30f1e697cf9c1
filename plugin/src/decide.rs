//! The decision: a pure function of the login, the candidates and the policy.

use link_policy::{Mode, Policy};

use crate::bindings::{LinkRequest, LoginEvent, Reason, Timestamp, User, Verification};
use crate::metadata;
use crate::reason::Code;

/// Everything that a decision rests on.
#[derive(Debug)]
pub struct Input<'a> {
    /// The login.
    pub event: &'a LoginEvent,
    /// The policy for it.
    pub policy: &'a Policy,
    /// Every user but the login's own that the look-ups found, each once.
    pub found: &'a [User],
    /// The login's time.
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing, for this reason.
    Proceed(Reason),
    /// These two accounts are to be linked.
    Link(LinkRequest),
    /// As `Link`, but only say so.
    WouldLink(LinkRequest),
}

/// What can be said before anybody is looked up; `None` if a look-up is needed.
#[must_use]
pub fn before_look_up(event: &LoginEvent, policy: &Policy) -> Option<Reason> {
    let user = &event.user;
    let id = user.user_id.as_str();
    if policy.mode == Mode::Off {
        return Some(Code::PolicyDisabled.about(&[], "The policy's mode is `off`."));
    }
    if user.blocked {
        return Some(Code::CurrentBlocked.about(&[id], "The account that logs in is blocked."));
    }
    if user.email.as_deref().unwrap_or("").is_empty() {
        return Some(Code::NoEmail.about(&[id], "The account that logs in has no e-mail address."));
    }
    match &user.email_verified {
        Verification::Verified => None,
        Verification::Unverified => {
            Some(Code::EmailUnverifiedCurrent.about(&[id], "The address of this login is not verified."))
        }
        Verification::Absent => Some(
            Code::EmailVerifiedUnknown
                .about(&[id], "The login does not say whether its address is verified."),
        ),
        Verification::Null => Some(
            Code::EmailVerifiedUnknown
                .about(&[id], "`email_verified` of the login is null, which proves nothing."),
        ),
        Verification::NotBoolean(held) => {
            Some(Code::EmailVerifiedNotBoolean.about(
                &[id],
                format!("`email_verified` of the login is {held}; only the boolean true counts."),
            ))
        }
    }
}

/// Decides, once the accounts with the login's address are known.
#[must_use]
pub fn decide(input: &Input) -> Plan {
    let current = &input.event.user;
    if input.found.is_empty() {
        let reason = if current.identities.len() > 1 {
            Code::AlreadyLinked
                .about(&[&current.user_id], "The accounts with this address are one user already.")
        } else {
            Code::NoCandidate.about(&[], "No other account has this address.")
        };
        return Plan::Proceed(reason);
    }
    let eligible: Vec<&User> = input
        .found
        .iter()
        .filter(|user| !user.blocked && user.email_verified == Verification::Verified)
        .collect();
    match eligible.as_slice() {
        [] => Plan::Proceed(why_none_is_eligible(input.found)),
        [candidate] => link(input, current, candidate),
        several => Plan::Proceed(conflict(several)),
    }
}

fn why_none_is_eligible(others: &[User]) -> Reason {
    let ids: Vec<&str> = others.iter().map(|user| user.user_id.as_str()).collect();
    if others.iter().any(|user| user.blocked) {
        Code::CandidateBlocked.about(&ids, "The other account with this address is blocked.")
    } else {
        Code::CandidateUnverified.about(
            &ids,
            "The other account with this address has not verified it; it may have been made by somebody else.",
        )
    }
}

fn conflict(several: &[&User]) -> Reason {
    let mut ids: Vec<&str> = Vec::with_capacity(several.len());
    for user in several {
        // In order, whatever the order of the answer. A library sort would be
        // 9 KB of the component.
        let place = ids.partition_point(|id| *id < user.user_id.as_str());
        ids.insert(place, &user.user_id);
    }
    Code::MultipleCandidates.about(
        &ids,
        format!(
            "{} other accounts have this verified address; a person has to say which is meant.",
            ids.len()
        ),
    )
}

fn link(input: &Input, current: &User, candidate: &User) -> Plan {
    let (primary, secondary) = older_first(current, candidate, input.now);
    let reason = Code::LinkedVerifiedBoth.about(
        &[&primary.user_id, &secondary.user_id],
        "Both accounts have verified the same address; the older one stays.",
    );
    let request = LinkRequest {
        primary: primary.user_id.clone(),
        secondary: secondary.user_id.clone(),
        user_metadata: metadata::fill_absent(
            primary.user_metadata.as_deref(),
            secondary.user_metadata.as_deref(),
        ),
        app_metadata: None,
        reasons: vec![reason],
    };
    if input.policy.mode == Mode::Auto { Plan::Link(request) } else { Plan::WouldLink(request) }
}

/// The older account first; ties, and unknown ages, by user id. The same
/// whichever of the two logs in.
fn older_first<'a>(a: &'a User, b: &'a User, now: Timestamp) -> (&'a User, &'a User) {
    let key = |user: &'a User| {
        // An account from the future proves nothing about its age.
        let created = user.created_at.filter(|&at| at <= now).unwrap_or(Timestamp::MAX);
        (created, user.user_id.as_str())
    };
    if key(a) <= key(b) { (a, b) } else { (b, a) }
}
