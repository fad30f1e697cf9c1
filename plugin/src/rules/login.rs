//! Rules 1 to 7: the login itself, and its look-up.

use link_policy::{Mode, OnError};

use super::{Course, Verdict, Wish, error_words, no_op, passes, passes_with, stop};
use crate::bindings::{ApiError, Verification};
use crate::email::{self, Form};
use crate::reason::Code;
use crate::situation::{Situation, Trust};

pub(super) fn excluded(s: &Situation, _: &Course) -> Verdict {
    let (event, policy, id) = (s.input.event, s.policy, s.current.id());
    if policy.mode == Mode::Off {
        return no_op(Code::PolicyDisabled.about(&[], "The policy's mode is `off`."));
    }
    if policy.excluded_connections.contains(&event.connection.name) {
        let detail = format!("`{}` is in `excluded_connections`.", event.connection.name);
        return no_op(Code::ConnectionExcluded.about(&[], detail));
    }
    if event.client_id.as_ref().is_some_and(|client| policy.excluded_clients.contains(client)) {
        return no_op(Code::ClientExcluded.about(&[], "The application is in `excluded_clients`."));
    }
    if event.organization_id.as_ref().is_some_and(|org| policy.excluded_organizations.contains(org)) {
        return no_op(
            Code::OrganizationExcluded.about(&[], "The organization is in `excluded_organizations`."),
        );
    }
    if s.current.state.opted_out() {
        return no_op(Code::OptedOut.about(&[id], "The account that logs in is excepted from linking."));
    }
    passes("neither connection, application, organization nor account")
}

pub(super) fn current_blocked(s: &Situation, _: &Course) -> Verdict {
    if s.current.user.blocked {
        return no_op(Code::CurrentBlocked.about(&[s.current.id()], "The account that logs in is blocked."));
    }
    passes("not blocked")
}

pub(super) fn address(s: &Situation, _: &Course) -> Verdict {
    let id = &[s.current.id()];
    match s.current.user.email.as_deref().unwrap_or_default() {
        "" => no_op(Code::NoEmail.about(id, "The account that logs in has no e-mail address.")),
        email => match email::form(email) {
            Form::Plain => passes("plain"),
            Form::NonAscii => {
                let detail = "The login's address has characters beyond ASCII, which can look like others.";
                no_op(Code::EmailNonAscii.about(id, detail))
            }
            Form::Malformed => {
                no_op(Code::EmailMalformed.about(id, "The login's address is not one that can be compared."))
            }
        },
    }
}

pub(super) fn verified(s: &Situation, _: &Course) -> Verdict {
    let id = &[s.current.id()];
    let unknown = |detail| no_op(Code::EmailVerifiedUnknown.about(id, detail));
    match &s.current.user.email_verified {
        Verification::Verified => {}
        Verification::Unverified => {
            return no_op(
                Code::EmailUnverifiedCurrent.about(id, "The address of this login is not verified."),
            );
        }
        Verification::Absent => return unknown("The login does not say whether its address is verified."),
        Verification::Null => return unknown("`email_verified` of the login is null, which proves nothing."),
        Verification::NotBoolean(held) => {
            // A long value is cut; an outcome's texts have a limit.
            let held: String = held.chars().take(40).collect();
            let detail = format!("`email_verified` of the login is {held}; only the boolean true counts.");
            return no_op(Code::EmailVerifiedNotBoolean.about(id, detail));
        }
    }
    let email = s.current.user.email.as_deref().unwrap_or_default();
    if s.current.state.verification_is_stale(email) {
        let detail = "The login's address was changed after it was verified.";
        return no_op(Code::VerificationStale.about(id, detail));
    }
    passes("true")
}

pub(super) fn trust_in_login(s: &Situation) -> Trust {
    let connection = &s.input.event.connection;
    s.trust(&connection.name, &connection.strategy, s.current.user.email.as_deref().unwrap_or_default())
}

pub(super) fn domain_owned(s: &Situation, _: &Course) -> Verdict {
    if trust_in_login(s) == Trust::DomainNotOwned {
        let detail =
            format!("`{}` speaks for other domains than this address's.", s.input.event.connection.name);
        return no_op(Code::DomainNotOwned.about(&[s.current.id()], detail));
    }
    passes("no other domains are listed for it")
}

pub(super) fn domain_allowed(s: &Situation, _: &Course) -> Verdict {
    let domain = email::domain(s.current.user.email.as_deref().unwrap_or_default());
    let connection = &s.input.event.connection.name;
    let lists = [connection.as_str(), "*"].into_iter().filter_map(|name| s.policy.blocked_domains.get(name));
    if lists.flatten().any(|blocked| blocked.eq_ignore_ascii_case(domain)) {
        let detail = format!("Addresses at {domain} are in `blocked_domains`.");
        return no_op(Code::DomainNotAllowed.about(&[s.current.id()], detail));
    }
    passes("not in `blocked_domains`")
}

pub(super) fn look_up(s: &Situation, _: &Course) -> Verdict {
    let wish = || match s.policy.on_error {
        OnError::LoginWithoutLink => Wish::Proceed,
        OnError::Deny => Wish::Deny("Your accounts could not be looked up. Please try again later."),
    };
    let limit = s.policy.limits.max_candidates;
    let too_many = |limit: u32| {
        let detail = format!("More than {limit} accounts have this address; nobody can tell which is meant.");
        no_op(Code::TooManyCandidates.about(&[], detail))
    };
    match s.input.failed {
        Some(ApiError::TooMany(limit)) => too_many(*limit),
        Some(error @ ApiError::AlreadyLinked(_)) => {
            let detail = format!("Another login was faster: {}.", error_words(error));
            no_op(Code::RaceLost.about(&[s.current.id()], detail))
        }
        Some(ApiError::RateLimited(_)) => {
            stop(wish(), Code::RateLimited.about(&[], "The directory asked for fewer calls."))
        }
        Some(error) => {
            let detail = format!("The accounts with this address are not known: {}.", error_words(error));
            stop(wish(), Code::LookupFailed.about(&[], detail))
        }
        None if s.input.found.len() > limit as usize => too_many(limit),
        None => passes_with(s, || format!("{} other account(s)", s.input.found.len())),
    }
}
