//! Rules on the accounts that would be linked, and on the one that stays.

use ligature_link_policy::{Caution, Mfa, PrivilegedDecision, RequireVerified};

use super::ruling::{EarlierRuling, RuleResult, ask, no_op, passes, passes_with};
use crate::account::Account;
use crate::address_claim::{AddressClaim, Trust};
use crate::bindings::{Step, User};
use crate::metadata::{self, Sides};
use crate::reason::ReasonCode;
use crate::situation::Situation;
use crate::trust::{Group, find_group};

/// Stops a link between accounts of different organizations or connection groups.
pub(super) fn organization(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let may_link = |a: &String, b: &String| a == b || s.policy.linked_organizations.are_linked(a, b);
    // A login to an organization is not one of somebody outside it who is a
    // member elsewhere.
    let of_login = s.input.event.organization_id.as_ref();
    for (a, b) in s.pairs() {
        let of_b = &b.user.organizations;
        if of_b.is_empty() {
            continue;
        }
        let of_login = of_login.filter(|_| a.id() == s.current.id());
        let mut of_a = a.user.organizations.iter().chain(of_login).peekable();
        let apart = of_a.peek().is_some() && !of_a.any(|a| of_b.iter().any(|b| may_link(a, b)));
        if apart {
            let detail = "The accounts belong to different organizations.";
            return no_op(ReasonCode::CrossOrganization.about(&[a.id(), b.id()], detail));
        }
    }
    let own = find_group(s.policy, s.current.root());
    let claims = s.party().flat_map(Account::claims);
    let other = claims.map(|claim| find_group(s.policy, claim)).find(|group| *group != own);
    let Some(other) = other else { return passes("they do") };
    let apart: Vec<&str> = s.party().map(Account::id).collect();
    no_op(ReasonCode::DifferentConnectionGroups.about(&apart, groups_in_words(&own, &other)))
}

fn groups_in_words(a: &Group, b: &Group) -> String {
    match (a, b) {
        (Group::Own(connection), _) | (_, Group::Own(connection)) => format!(
            "The accounts' connections are in different groups: `{connection}` is an enterprise connection, which is a \
             group of its own unless `connection_groups` places it."
        ),
        _ => "The accounts' connections are in different groups of `connection_groups`.".to_owned(),
    }
}

/// Stops a link if a directory manages more than one of the accounts.
pub(super) fn managed(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let managed: Vec<&str> = s.party().filter(|account| s.is_managed(account)).map(Account::id).collect();
    if managed.len() > 1 {
        let detail = "A directory manages several of the accounts, so none of them can become a secondary.";
        return no_op(ReasonCode::TwoManaged.about(&managed, detail));
    }
    passes_with(s, || format!("{}", managed.len()))
}

/// Returns the metadata that `of` selects from both accounts, for a merge.
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

/// Stops a link if a metadata key that must be equal differs.
pub(super) fn metadata_equal(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let (primary, rules) = (s.primary().0, &s.policy.metadata);
    if !metadata::can_conflict(&rules.user) && !metadata::can_conflict(&rules.app) {
        return passes("it is");
    }
    for secondary in s.secondaries() {
        let user = metadata::merge(&sides(primary, secondary, |it| it.user_metadata.as_deref()), &rules.user);
        let app = metadata::merge(&sides(primary, secondary, |it| it.app_metadata.as_deref()), &rules.app);
        if let Some(key) = user.conflict.as_ref().or(app.conflict.as_ref()) {
            let key: String = key.chars().take(100).collect();
            let detail = format!("The key `{key}` must be equal and differs.");
            return no_op(ReasonCode::MetadataConflict.about(&[primary.id(), secondary.id()], detail));
        }
        // Kept for the first secondary: before other links, nothing changes it.
        s.merged.get_or_init(|| Box::new([user, app]));
    }
    passes("it is")
}

/// Asks for a proof with a second factor, or stops the link, if an account is privileged.
pub(super) fn privileged(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let list = &s.policy.privileged;
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let has_power = |account: &&Account| {
        let user = account.user;
        account.state.privileged()
            || account.is_or_has_one_of(&list.user_ids)
            || user.roles.iter().any(|role| list.has_power(role))
            || account.state.roles().any(|role| list.has_power(role))
    };
    let Some(account) = s.party().find(has_power) else {
        return passes("no role, mark or entry in the list");
    };
    let reason = ReasonCode::PrivilegedAccount.about(&[account.id()], "One of the accounts is privileged.");
    match list.decision {
        PrivilegedDecision::Suggest => ask(s, Step::StepUpMfa, &s.meant_ids(), reason),
        PrivilegedDecision::NoOp => no_op(reason),
        PrivilegedDecision::Ignore => passes("the policy ignores it"),
    }
}

/// Asks for a proof if the login bypasses a second factor, or if the primary would have
/// none.
pub(super) fn mfa(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let has_mfa = |account: &&Account| !account.user.mfa_factors.is_empty();
    let candidate = s.meant().map(|candidate| &candidate.account).find(has_mfa);
    let Some(account) = candidate.or_else(|| s.party().find(has_mfa)) else {
        return passes("no account has any");
    };
    // A login passes the second factor of its own account only, which a new account can enrol with
    // the mailbox alone.
    let (step, detail) = if candidate.is_some() {
        (
            Step::StepUpMfa,
            "The other account has MFA, and a login passes the second factor of its own account only.",
        )
    } else if !s.proves_second_factor() {
        (Step::StepUpMfa, "An account has MFA, and this login has passed no second factor that still counts.")
    } else if !has_mfa(&s.primary().0) {
        (
            Step::ReauthenticateCandidate,
            "An account has MFA, and the account that would be the primary has none.",
        )
    } else {
        return passes("this login has passed the second factor of its account");
    };
    let reason = ReasonCode::MfaDowngrade.about(&[account.id()], detail);
    match s.policy.mfa {
        Mfa::StepUp => ask(s, step, &s.meant_ids(), reason),
        Mfa::Deny => no_op(reason),
        Mfa::Ignore => passes("the policy ignores it"),
    }
}

/// Asks for a proof if a connection that claims the address is not trusted to verify it.
pub(super) fn trusted(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let step = Step::ReauthenticateCandidate;
    let lacks_proof = s.policy.require_verified == RequireVerified::FreshMailboxProof && !s.proves_mailbox();
    if lacks_proof && s.proves_now("email") {
        let detail = "This login proved a mailbox that is not the address's.";
        return ask(
            s,
            step,
            &s.meant_ids(),
            ReasonCode::NoFreshMailboxProof.about(&[s.current.id()], detail),
        );
    }
    for account in s.party() {
        let claim = account.root();
        let connection = claim.connection;
        let (code, detail) = match claim.trust {
            // A connection that speaks for other domains has stopped the decision.
            Trust::Trusted | Trust::DomainNotOwned => continue,
            Trust::Untrusted => {
                (ReasonCode::ConnectionNotTrusted, format!("`{connection}` is not in `trusted_connections`."))
            }
            Trust::WithoutDomains => (
                ReasonCode::ConnectionWithoutDomains,
                format!(
                    "`{connection}` is in `trusted_connections` without `domains`, which an enterprise connection needs."
                ),
            ),
            Trust::ByTenantOnly => (
                ReasonCode::VerificationByPolicyOnly,
                format!("Addresses of `{connection}` count as verified only by a setting of the tenant."),
            ),
        };
        return ask(s, step, &s.meant_ids(), code.about(&[account.id()], detail));
    }
    if lacks_proof {
        let detail = "The policy requires a proof of the mailbox at this login, and there was none.";
        return ask(
            s,
            step,
            &s.meant_ids(),
            ReasonCode::NoFreshMailboxProof.about(&[s.current.id()], detail),
        );
    }
    passes("they are")
}

/// Asks for a confirmation if a linked identity does not prove the address.
pub(super) fn trojan(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let does_not_prove = |claim: &&AddressClaim| !s.is_proved_by(claim);
    for account in s.party().filter(|_| s.policy.trojan_identity == Caution::Suggest) {
        let mut foreign =
            account.linked().iter().filter(does_not_prove).map(|claim| claim.connection).peekable();
        if foreign.peek().is_none() {
            continue;
        }
        let whose = if account.id() == s.current.id() { "this login's account" } else { "the other account" };
        let foreign = foreign.take(10).collect::<Vec<_>>().join(", ");
        let detail = format!(
            "A linked identity of {whose} does not prove the address through a trusted connection: {foreign}."
        );
        let reason = ReasonCode::TrojanIdentitySuspected.about(&[account.id()], detail);
        return ask(s, Step::Confirm, &s.meant_ids(), reason);
    }
    // The account that logs in has logged in now.
    let never = |user: &User| user.last_login.is_none() && user.logins_count.unwrap_or(0) == 0;
    let unused = s.meant().map(|candidate| &candidate.account).find(|account| never(account.user));
    if let Some(account) = unused.filter(|_| s.policy.never_logged_in == Caution::Suggest) {
        let id = account.id();
        let reason = ReasonCode::NeverLoggedIn.about(&[id], "The other account has never logged in.");
        return ask(s, Step::ReauthenticateCandidate, &[id], reason);
    }
    passes("each proves the address")
}

/// Reports why the primary was chosen.
pub(super) fn primary(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let (primary, code) = s.primary();
    let detail = match code {
        ReasonCode::ScimMustBePrimary => "The account that a directory manages is the primary.",
        ReasonCode::PrimaryByIdentities => "The account that already has linked identities is the primary.",
        ReasonCode::PrimaryByPolicy => "The account that the policy's `primary` prefers is the primary.",
        ReasonCode::PrimaryByAge => "The older account is the primary.",
        _ => {
            "No other criterion distinguishes the accounts: the one with the smaller user id is the primary."
        }
    };
    let mut notes = Vec::with_capacity(1 + s.meant.len());
    notes.push(code.about(&[primary.id()], detail));
    for secondary in s.secondaries() {
        let roles = secondary.user.roles.len();
        if roles > 0 {
            let rest = " role(s) of the secondary are not given to the primary.";
            notes.push(ReasonCode::RolesNotCopied.about_number(&[secondary.id()], roles, rest));
        }
    }
    RuleResult::Notes(notes)
}

/// Asks for a confirmation if an account with linked identities would become a secondary.
pub(super) fn demotes(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let Some(demoted) = s.secondaries().find(|account| account.user.identities.len() > 1) else {
        return passes("none is");
    };
    if s.policy.allow_demote_with_identities {
        return passes("the policy allows it");
    }
    let detail =
        format!("An account with {} identities would become a secondary.", demoted.user.identities.len());
    ask(s, Step::Confirm, &s.meant_ids(), ReasonCode::DemotesCluster.about(&[demoted.id()], detail))
}

/// Longest user id that a login can be switched to. Source: Auth0 Actions,
/// `api.authentication.setPrimaryUser`.
const MAX_PRIMARY_ID: usize = 128;

/// Stops a link that would give the primary too many identities, or whose primary's id is
/// too long.
pub(super) fn limits(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let primary = s.primary().0.id();
    let identities: usize = s.party().map(|account| account.user.identities.len().max(1)).sum();
    if identities > s.policy.limits.max_identities as usize {
        let detail =
            format!("The user would have {identities} identities, more than `limits.max_identities`.");
        return no_op(ReasonCode::IdentityLimit.about(&[primary], detail));
    }
    // No text has more characters than bytes, which are counted already.
    if primary.len() > MAX_PRIMARY_ID && primary.chars().count() > MAX_PRIMARY_ID {
        return no_op(
            ReasonCode::IdTooLong.about(&[primary], "The primary's user id has more than 128 characters."),
        );
    }
    passes_with(s, || format!("{identities} identities"))
}
