//! Rules 1 to 7: the login itself, and its look-up.

use link_policy::{Mode, OnError};

use super::{Course, Verdict, Wish, error_words, no_op, passes, passes_with, stop};
use crate::account::{Account, Claim};
use crate::bindings::{ApiError, Verification};
use crate::email::{self, Form};
use crate::reason::Code;
use crate::situation::{Situation, why_address_does_not_count};
use crate::trust::Trust;

pub(super) fn excluded(s: &Situation, _: &Course) -> Verdict {
    let (event, policy, id) = (s.input.event, s.policy, s.current.id());
    if policy.mode == Mode::Off {
        return no_op(Code::PolicyDisabled.about(&[], "The policy's mode is `off`."));
    }
    for account in s.party() {
        if let Some(connection) = account.connection_in(&policy.excluded_connections) {
            let detail = format!("`{connection}` is in `excluded_connections`.");
            return no_op(Code::ConnectionExcluded.about(&[account.id()], detail));
        }
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
        return no_op(Code::OptedOut.about(&[id], "The account that logs in is excepted from linking, or its marks in `app_metadata` cannot be read."));
    }
    passes("no connection, neither application, organization nor account")
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
    let unproved =
        |code: Code, detail: &str| no_op(code.about(id, [detail, by_tenant_in_words(&s.current)].concat()));
    let unknown = |detail: &str| unproved(Code::EmailVerifiedUnknown, detail);
    match &s.current.user.email_verified {
        Verification::Verified => {}
        Verification::Unverified => {
            return unproved(Code::EmailUnverifiedCurrent, "The address of this login is not verified.");
        }
        Verification::Absent => return unknown("The login does not say whether its address is verified."),
        Verification::Null => return unknown("`email_verified` of the login is null, which proves nothing."),
        Verification::NotBoolean(held) => {
            let detail =
                format!("`email_verified` of the login is {}; only the boolean true counts.", cut(held));
            return no_op(Code::EmailVerifiedNotBoolean.about(id, detail));
        }
    }
    let detail = match why_address_does_not_count(&s.current) {
        None => return passes("true"),
        Some(code) => (
            code,
            match code {
                Code::PendingEmailChange => "The login's account has a change of its address waiting.",
                Code::VerificationStale => "The login's address was changed after it was verified.",
                _ => {
                    "The login's account has another address than the identity that it is made of, or one that this did not verify."
                }
            },
        ),
    };
    no_op(detail.0.about(id, detail.1))
}

/// When `verified_by_tenant` acts, for an account of a connection in it whose
/// address does not count. Source of the option: Auth0's Management API, options
/// of enterprise connections.
pub(super) fn by_tenant_in_words(account: &Account) -> &'static str {
    if account.root().trust != Trust::ByTenantOnly {
        return "";
    }
    " `verified_by_tenant` acts on `email_verified: true` alone: the tenant has to set it for the connection (in Auth0, \
     `should_trust_email_verified_connection`), and then the user is asked."
}

/// The beginning of a value that has no limit; an outcome's texts have one.
pub(super) fn cut(value: &str) -> String {
    value.chars().take(40).collect()
}

pub(super) fn domain_owned(s: &Situation, _: &Course) -> Verdict {
    for account in s.party() {
        let not_owned = |it: &&Claim| it.trust == Trust::DomainNotOwned && it.is_of(s.current.email());
        if let Some(claim) = account.claims().iter().find(not_owned) {
            let detail = format!("`{}` speaks for other domains than this address's.", claim.connection);
            return no_op(Code::DomainNotOwned.about(&[account.id()], detail));
        }
    }
    passes("no other domains are listed for it")
}

pub(super) fn domain_allowed(s: &Situation, _: &Course) -> Verdict {
    let blocked = &s.policy.blocked_domains;
    let is_blocked = |connection: &str| {
        blocked.get(connection).is_some_and(|domains| email::is_at(s.current.email(), domains))
    };
    if blocked.is_empty() {
        return passes("`blocked_domains` is empty");
    }
    let of_all = is_blocked("*").then_some(&s.current);
    let of_one =
        || s.party().find(|account| account.claims().iter().any(|claim| is_blocked(claim.connection)));
    if let Some(account) = of_all.or_else(of_one) {
        let domain = email::domain(s.current.email());
        let detail = format!("Addresses at {domain} are in `blocked_domains`.");
        return no_op(Code::DomainNotAllowed.about(&[account.id()], detail));
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
