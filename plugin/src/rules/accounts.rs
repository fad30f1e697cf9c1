//! Rules 15 to 24: what the accounts are, and which one stays.

use link_policy::{Caution, Mfa, PrivilegedDecision, RequireVerified};

use super::login::trust_in_login;
use super::{Course, Verdict, ask, no_op, passes, passes_with};
use crate::bindings::{Step, Verification};
use crate::metadata::{self, Sides};
use crate::reason::Code;
use crate::situation::{Account, Situation, Trust};

pub(super) fn organization(s: &Situation, _: &Course) -> Verdict {
    let event = s.input.event;
    for candidate in s.meant() {
        let (user, id) = (candidate.account.user, candidate.account.id());
        let linked = |a: &String, b: &String| {
            a == b || s.policy.linked_organizations.iter().any(|list| list.contains(a) && list.contains(b))
        };
        let mut own: Vec<&String> = s.current.user.organizations.iter().collect();
        own.extend(&event.organization_id);
        let apart = !own.is_empty()
            && !user.organizations.is_empty()
            && !own.iter().any(|a| user.organizations.iter().any(|b| linked(a, b)));
        // A login to an organization is not one of somebody outside it who is
        // a member elsewhere.
        if apart {
            let detail = "The accounts belong to different organizations.";
            return no_op(Code::CrossOrganization.about(&[s.current.id(), id], detail));
        }
        let own_group = s.group(&event.connection.name, &event.connection.strategy);
        let strategy = candidate.account.own_identity().map_or("", |it| it.provider.as_str());
        if own_group != s.group(candidate.account.connection(), strategy) {
            let detail = "The accounts' connections are in different groups.";
            return no_op(Code::DifferentConnectionGroups.about(&[s.current.id(), id], detail));
        }
    }
    if s.meant.is_empty() { Verdict::NotApplicable } else { passes("they do") }
}

pub(super) fn managed(s: &Situation, _: &Course) -> Verdict {
    if s.meant.is_empty() {
        return Verdict::NotApplicable;
    }
    let managed: Vec<&str> = s.party().filter(|account| s.is_managed(account)).map(Account::id).collect();
    if managed.len() > 1 {
        let detail = "A directory manages several of the accounts, so none of them can become a secondary.";
        return no_op(Code::TwoManaged.about(&managed, detail));
    }
    passes_with(s, || format!("{}", managed.len()))
}

pub(super) fn secondaries<'s, 'a>(s: &'s Situation<'a>) -> impl Iterator<Item = &'s Account<'a>> {
    let primary = s.primary().0.id();
    s.party().filter(move |account| account.id() != primary)
}

pub(crate) fn sides<'a>(
    primary: &Account<'a>,
    secondary: &Account<'a>,
    of: fn(&'a crate::bindings::User) -> Option<&'a str>,
) -> Sides<'a> {
    Sides {
        primary: of(primary.user),
        secondary: of(secondary.user),
        secondary_is_newer: secondary.user.created_at > primary.user.created_at,
    }
}

pub(super) fn metadata_equal(s: &Situation, _: &Course) -> Verdict {
    if s.meant.is_empty() {
        return Verdict::NotApplicable;
    }
    let primary = s.primary().0;
    for secondary in secondaries(s) {
        let user = metadata::conflict(
            &sides(primary, secondary, |it| it.user_metadata.as_deref()),
            &s.policy.metadata.user,
        );
        let app = metadata::conflict(
            &sides(primary, secondary, |it| it.app_metadata.as_deref()),
            &s.policy.metadata.app,
        );
        if let Some(key) = user.or(app) {
            let key: String = key.chars().take(100).collect();
            let detail = format!("The key `{key}` must be equal and differs.");
            return no_op(Code::MetadataConflict.about(&[primary.id(), secondary.id()], detail));
        }
    }
    passes("it is")
}

pub(super) fn privileged(s: &Situation, _: &Course) -> Verdict {
    let list = &s.policy.privileged;
    if s.meant.is_empty() {
        return Verdict::NotApplicable;
    }
    let has_power = |account: &&Account| {
        let user = account.user;
        account.state.privileged()
            || list.user_ids.contains(&user.user_id)
            || user.roles.iter().any(|role| list.has_power(role))
    };
    let Some(account) = s.party().find(has_power) else {
        return passes("no role, mark or entry in the list");
    };
    let reason = Code::PrivilegedAccount.about(&[account.id()], "One of the accounts has power.");
    let ids: Vec<&str> = s.meant().map(|candidate| candidate.account.id()).collect();
    match list.decision {
        PrivilegedDecision::Suggest => ask(s, Step::ReauthenticateCandidate, &ids, true, reason),
        PrivilegedDecision::NoOp => no_op(reason),
        PrivilegedDecision::Ignore => passes("the policy ignores it"),
    }
}

pub(super) fn mfa(s: &Situation, _: &Course) -> Verdict {
    if s.input.event.methods.iter().any(|method| method.name == "mfa" || method.name == "passkey") {
        return passes("this login has passed a second factor");
    }
    let Some(candidate) = s.meant().find(|it| !it.account.user.mfa_factors.is_empty()) else {
        return if s.meant.is_empty() { Verdict::NotApplicable } else { passes("the candidate has none") };
    };
    let detail = "The other account has MFA, and this login has passed no second factor.";
    let reason = Code::MfaDowngrade.about(&[candidate.account.id()], detail);
    match s.policy.mfa {
        Mfa::StepUp => ask(s, Step::StepUpMfa, &[candidate.account.id()], true, reason),
        Mfa::Deny => no_op(reason),
        Mfa::Ignore => passes("the policy ignores it"),
    }
}

pub(super) fn trojan(s: &Situation, _: &Course) -> Verdict {
    let own = s.current.user.email.as_deref().unwrap_or_default();
    for candidate in s.meant() {
        let (user, id) = (candidate.account.user, candidate.account.id());
        let proves = |email: Option<&String>| email.is_some_and(|email| email.eq_ignore_ascii_case(own));
        let foreign: Vec<&str> = user
            .identities
            .iter()
            .skip(1)
            .filter(|it| !(proves(it.email.as_ref()) && it.email_verified == Verification::Verified))
            .map(|it| it.connection.as_str())
            .take(10)
            .collect();
        if !foreign.is_empty() && s.policy.trojan_identity == Caution::Suggest {
            let detail = format!(
                "A linked identity of the other account does not prove the address: {}.",
                foreign.join(", ")
            );
            return ask(s, Step::Confirm, &[id], false, Code::TrojanIdentitySuspected.about(&[id], detail));
        }
        let never = user.last_login.is_none() && user.logins_count.unwrap_or(0) == 0;
        if never && s.policy.never_logged_in == Caution::Suggest {
            let reason = Code::NeverLoggedIn.about(&[id], "The other account has never logged in.");
            return ask(s, Step::ReauthenticateCandidate, &[id], false, reason);
        }
    }
    if s.meant.is_empty() { Verdict::NotApplicable } else { passes("each proves the address") }
}

pub(super) fn trusted(s: &Situation, _: &Course) -> Verdict {
    if s.meant.is_empty() {
        return Verdict::NotApplicable;
    }
    let ids: Vec<&str> = s.meant().map(|candidate| candidate.account.id()).collect();
    let distrust = |trust: Trust, connection: &str, id: &str| match trust {
        Trust::Trusted => None,
        Trust::ByTenantOnly => {
            let detail = format!("That `{connection}` verifies addresses is only the tenant's own setting.");
            Some(Code::VerificationByPolicyOnly.about(&[id], detail))
        }
        Trust::DomainNotOwned => {
            let detail = format!("`{connection}` speaks for other domains than this address's.");
            Some(Code::DomainNotOwned.about(&[id], detail))
        }
        Trust::Untrusted => {
            let detail = format!("`{connection}` is not in `trusted_connections`.");
            Some(Code::ConnectionNotTrusted.about(&[id], detail))
        }
    };
    let step = Step::ReauthenticateCandidate;
    if let Some(reason) = distrust(trust_in_login(s), &s.input.event.connection.name, s.current.id()) {
        return ask(s, step, &ids, false, reason);
    }
    for candidate in s.meant() {
        let provider = candidate.account.own_identity().map_or("", |it| it.provider.as_str());
        let email = candidate.account.user.email.as_deref().unwrap_or_default();
        let (connection, id) = (candidate.account.connection(), candidate.account.id());
        if let Some(reason) = distrust(s.trust(connection, provider, email), connection, id) {
            return ask(s, step, &[id], false, reason);
        }
    }
    let fresh = s.input.event.methods.iter().any(|method| method.name == "email");
    if s.policy.require_verified == RequireVerified::FreshMailboxProof && !fresh {
        let detail = "The policy wants the mailbox proved at this login, and it was not.";
        return ask(s, step, &ids, false, Code::NoFreshMailboxProof.about(&[s.current.id()], detail));
    }
    passes("they are")
}

pub(super) fn primary(s: &Situation, _: &Course) -> Verdict {
    if s.meant.is_empty() {
        return Verdict::NotApplicable;
    }
    let (primary, code) = s.primary();
    let detail = match code {
        Code::ScimMustBePrimary => "The account that a directory manages stays.",
        Code::PrimaryByIdentities => "The account that has linked identities already stays.",
        Code::PrimaryByPolicy => "The account that the policy's `primary` names stays.",
        Code::PrimaryByAge => "The older account stays.",
        _ => "Nothing else tells the accounts apart: the smaller user id stays.",
    };
    let mut notes = vec![code.about(&[primary.id()], detail)];
    for secondary in secondaries(s) {
        if !secondary.user.roles.is_empty() {
            let detail = format!(
                "{} role(s) of the secondary are not given to the primary.",
                secondary.user.roles.len()
            );
            notes.push(Code::RolesNotCopied.about(&[secondary.id()], detail));
        }
    }
    Verdict::Notes(notes)
}

pub(super) fn demotes(s: &Situation, _: &Course) -> Verdict {
    if s.meant.is_empty() {
        return Verdict::NotApplicable;
    }
    let Some(demoted) = secondaries(s).find(|account| account.user.identities.len() > 1) else {
        return passes("none is");
    };
    if s.policy.allow_demote_with_identities {
        return passes("the policy allows it");
    }
    let detail =
        format!("An account with {} identities would become a secondary.", demoted.user.identities.len());
    let ids: Vec<&str> = s.meant().map(|candidate| candidate.account.id()).collect();
    ask(s, Step::Confirm, &ids, false, Code::DemotesCluster.about(&[demoted.id()], detail))
}

/// Longest user id that a login can be switched to. Source: Auth0 Actions,
/// `api.authentication.setPrimaryUser`.
const MAX_PRIMARY_ID: usize = 128;

pub(super) fn limits(s: &Situation, _: &Course) -> Verdict {
    if s.meant.is_empty() {
        return Verdict::NotApplicable;
    }
    let primary = s.primary().0.id();
    let identities: usize = s.party().map(|account| account.user.identities.len().max(1)).sum();
    if identities > s.policy.limits.max_identities as usize {
        let detail =
            format!("The user would have {identities} identities, more than `limits.max_identities`.");
        return no_op(Code::IdentityLimit.about(&[primary], detail));
    }
    if primary.chars().count() > MAX_PRIMARY_ID {
        return no_op(
            Code::IdTooLong.about(&[primary], "The primary's user id has more than 128 characters."),
        );
    }
    passes_with(s, || format!("{identities} identities"))
}
