//! Rules that are evaluated before the look-up, on the login alone. A check that applies to the login's account and to candidates is one function for both.

use ligature_link_policy::{LookUp, Mode, Policy};
use ligature_linking_marks::checked::SettingsHash;

use super::ruling::{RuleResult, no_op, passes};
use crate::account::Account;
use crate::address_claim::{AddressClaim, Trust};
use crate::bindings::{Reason, Verification};
use crate::email::{self, AddressForm};
use crate::reason::ReasonCode;
use crate::situation::{LoginContext, find_address_fault};

/// Stops a login that the policy or a mark excludes from linking.
pub(super) fn excluded(login: &LoginContext) -> RuleResult {
    let (event, policy, current) = (login.event, login.policy, &login.current);
    if policy.mode == Mode::Off {
        return no_op(ReasonCode::PolicyDisabled.about(&[], "The policy's mode is `off`."));
    }
    if let Some(reason) = excluded_connection(policy, current) {
        return no_op(reason);
    }
    if event.client_id.as_ref().is_some_and(|client| policy.excluded_clients.contains(client)) {
        return no_op(ReasonCode::ClientExcluded.about(&[], "The application is in `excluded_clients`."));
    }
    if event.organization_id.as_ref().is_some_and(|org| policy.excluded_organizations.contains(org)) {
        return no_op(
            ReasonCode::OrganizationExcluded.about(&[], "The organization is in `excluded_organizations`."),
        );
    }
    if current.state.opted_out() {
        return no_op(ReasonCode::OptedOut.about(&[current.id()], "The account that logs in is excluded from linking, or its marks in `app_metadata` cannot be read."));
    }
    passes("no connection, application, organization or account is excluded")
}

/// The reason why the policy leaves an account alone, if one of its connections is
/// excluded.
pub(super) fn excluded_connection(policy: &Policy, account: &Account) -> Option<Reason> {
    let connection = account.connection_in(&policy.excluded_connections)?;
    let detail = format!("`{connection}` is in `excluded_connections`.");
    Some(ReasonCode::ConnectionExcluded.about(&[account.id()], detail))
}

/// Stops the login of a blocked account.
pub(super) fn blocked(login: &LoginContext) -> RuleResult {
    if login.current.user.blocked {
        let id = &[login.current.id()];
        return no_op(ReasonCode::CurrentBlocked.about(id, "The account that logs in is blocked."));
    }
    passes("not blocked")
}

/// Stops a login without an address, or with an address that cannot be compared.
pub(super) fn address(login: &LoginContext) -> RuleResult {
    let id = &[login.current.id()];
    match login.current.user.email.as_deref().unwrap_or_default() {
        "" => no_op(ReasonCode::NoEmail.about(id, "The account that logs in has no e-mail address.")),
        email => match email::classify_address(email) {
            AddressForm::Plain => passes("plain"),
            AddressForm::NonAscii => {
                let detail =
                    "The login's address has non-ASCII characters, which can look like other characters.";
                no_op(ReasonCode::EmailNonAscii.about(id, detail))
            }
            AddressForm::Malformed => {
                no_op(ReasonCode::EmailMalformed.about(id, "The login's address cannot be compared."))
            }
        },
    }
}

/// Stops a login whose address is not verified.
pub(super) fn verified(login: &LoginContext) -> RuleResult {
    let id = &[login.current.id()];
    let unproved = |code: ReasonCode, detail: &str| {
        no_op(code.about(id, [detail, describe_tenant_verification(&login.current)].concat()))
    };
    let unknown = |detail: &str| unproved(ReasonCode::EmailVerifiedUnknown, detail);
    match &login.current.user.email_verified {
        Verification::Verified => {}
        Verification::Unverified => {
            return unproved(
                ReasonCode::EmailUnverifiedCurrent,
                "The address of this login is not verified.",
            );
        }
        Verification::Absent => return unknown("The login does not say whether its address is verified."),
        Verification::Null => return unknown("`email_verified` of the login is null, which proves nothing."),
        Verification::NotBoolean(held) => {
            let detail =
                format!("`email_verified` of the login is {}; only the boolean true counts.", shorten(held));
            return no_op(ReasonCode::EmailVerifiedNotBoolean.about(id, detail));
        }
    }
    let detail = match find_address_fault(&login.current) {
        None => return passes("true"),
        Some(code) => (
            code,
            match code {
                ReasonCode::PendingEmailChange => "A change of the login's address is pending.",
                ReasonCode::VerificationStale => "The login's address was changed after it was verified.",
                _ => {
                    "The login's account has an address that its root identity did not supply, or did not verify."
                }
            },
        ),
    };
    no_op(detail.0.about(id, detail.1))
}

/// Explains `verified_by_tenant` for an account of a connection in it whose address
/// does not count. Source of the option: Auth0's Management API, options
/// of enterprise connections.
pub(super) fn describe_tenant_verification(account: &Account) -> &'static str {
    if account.root().trust != Trust::ByTenantOnly {
        return "";
    }
    " `verified_by_tenant` applies only to `email_verified: true`: the tenant has to set that for the connection (in Auth0, `should_trust_email_verified_connection`); the user is then asked."
}

/// The beginning of a value that has no limit; an outcome's texts have one.
pub(super) fn shorten(value: &str) -> String {
    value.chars().take(40).collect()
}

/// Stops a login by a connection whose `domains` do not include the address's domain.
pub(super) fn domain_owned(login: &LoginContext) -> RuleResult {
    match foreign_domain(login.current.email(), &login.current) {
        Some(reason) => no_op(reason),
        None => passes("no other domains are listed for it"),
    }
}

/// The reason why an account does not count for the login's address, if a
/// connection of it claims the address and speaks for other domains only.
pub(super) fn foreign_domain(address: &str, account: &Account) -> Option<Reason> {
    let not_owned = |it: &&AddressClaim| it.trust == Trust::DomainNotOwned && it.is_of(address);
    let claim = account.claims().iter().find(not_owned)?;
    let detail = format!("The `domains` of `{}` do not include this address's domain.", claim.connection);
    Some(ReasonCode::DomainNotOwned.about(&[account.id()], detail))
}

/// Stops a login with an address in `blocked_domains`.
pub(super) fn domain_allowed(login: &LoginContext) -> RuleResult {
    let (policy, current) = (login.policy, &login.current);
    if policy.blocked_domains.is_empty() {
        return passes("`blocked_domains` is empty");
    }
    let of_all = is_blocked(policy, "*", current.email()).then(|| blocked_reason(current.email(), current));
    match of_all.or_else(|| blocked_domain(policy, current.email(), current)) {
        Some(reason) => no_op(reason),
        None => passes("not in `blocked_domains`"),
    }
}

/// The reason why an account links nothing by the login's address, if the domain is
/// blocked for one of the account's connections.
pub(super) fn blocked_domain(policy: &Policy, address: &str, account: &Account) -> Option<Reason> {
    let is_blocked = |claim: &AddressClaim| is_blocked(policy, claim.connection, address);
    account.claims().iter().any(is_blocked).then(|| blocked_reason(address, account))
}

/// Stops a login at which the policy does not look the other accounts up.
pub(super) fn due(login: &LoginContext) -> RuleResult {
    let (policy, state) = (login.policy, &login.current.state);
    match policy.look_up {
        LookUp::EveryLogin => passes("every login looks up"),
        // The user was asked about an account that a look-up has found.
        _ if login.proof.is_some() => passes("the login continues after a question"),
        LookUp::FirstLogin if state.was_unlinked() => passes("the account was unlinked from another"),
        LookUp::FirstLogin => match login.current.user.logins_count {
            None | Some(0 | 1) => passes("the account's first login"),
            Some(count) => {
                let detail = format!("The account has logged in {count} times; `look_up` is `first_login`.");
                no_op(ReasonCode::NotFirstLogin.about(&[login.current.id()], detail))
            }
        },
        LookUp::UntilChecked => match state.checked_within(policy.look_up_again_after_days, login.now) {
            None => passes("no recent look-up is noted"),
            Some(held) if held != fingerprint(login) => {
                passes("the policy or the account has changed since the last look-up")
            }
            Some(_) => {
                let detail = format!(
                    "A look-up less than {} days ago found no other account.",
                    policy.look_up_again_after_days
                );
                no_op(ReasonCode::CheckedBefore.about(&[login.current.id()], detail))
            }
        },
    }
}

/// Returns the fingerprint that the host writes into a mark of this login.
fn fingerprint(login: &LoginContext) -> String {
    let user = login.current.user;
    let identities = user.identities.iter().map(|it| (it.provider.as_str(), it.user_id.as_str()));
    let settings = login.settings_hash.unwrap_or_else(|| SettingsHash::new(&login.event.settings));
    settings.fingerprint(&user.user_id, login.current.email(), identities)
}

fn is_blocked(policy: &Policy, connection: &str, address: &str) -> bool {
    policy.blocked_domains.get(connection).is_some_and(|domains| email::is_at(address, domains))
}

fn blocked_reason(address: &str, account: &Account) -> Reason {
    let detail = format!("Addresses at {} are in `blocked_domains`.", email::domain_of(address));
    ReasonCode::DomainNotAllowed.about(&[account.id()], detail)
}
