//! Rules on the look-up and the accounts found: which of them are candidates.

use ligature_link_policy::{BlockedCandidate, NoOpOrSuggest, OnError};

use super::before_look_up::{
    blocked_domain, describe_tenant_verification, excluded_connection, foreign_domain, shorten,
};
use super::ruling::{EarlierRuling, RuleResult, RulingKind, no_op, passes, passes_with, rule, strictly};
use crate::account::Account;
use crate::bindings::{ApiError, Reason, Step, Verification};
use crate::error_words::error_words;
use crate::reason::ReasonCode;
use crate::situation::Situation;
use crate::trust::is_per_connection;

/// Stops a login whose look-up failed or returned too many accounts.
pub(super) fn look_up_complete(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let kind = || match s.policy.on_error {
        OnError::LoginWithoutLink => RulingKind::Proceed,
        OnError::Deny => RulingKind::Deny("Your accounts could not be looked up. Please try again later."),
    };
    let limit = s.policy.limits.max_candidates;
    let too_many = |limit: u32| {
        let detail = format!("More than {limit} accounts have this address; the right one is not known.");
        no_op(ReasonCode::TooManyCandidates.about(&[], detail))
    };
    match s.input.failed {
        Some(ApiError::TooMany(limit)) => too_many(*limit),
        Some(error @ ApiError::AlreadyLinked(_)) => {
            let detail = format!("A concurrent login changed the accounts first: {}.", error_words(error));
            no_op(ReasonCode::RaceLost.about(&[s.current.id()], detail))
        }
        Some(ApiError::RateLimited(_)) => {
            rule(kind(), ReasonCode::RateLimited.about(&[], "The directory asked for fewer calls."))
        }
        Some(error) => {
            let detail =
                format!("The accounts with this address could not be looked up: {}.", error_words(error));
            rule(kind(), ReasonCode::LookupFailed.about(&[], detail))
        }
        None if s.input.found.len() > limit as usize => too_many(limit),
        None => passes_with(s, || format!("{} other account(s)", s.input.found.len())),
    }
}

/// Stops a link with an account of an excluded connection.
pub(super) fn excluded(s: &Situation, _: &EarlierRuling) -> RuleResult {
    first_of_meant(s, |account| excluded_connection(s.policy, account), "no candidate is")
}

/// Stops a link with an account of a connection whose `domains` do not include the
/// address's domain.
pub(super) fn domain_owned(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let foreign = |account: &Account| foreign_domain(s.current.email(), account);
    first_of_meant(s, foreign, "no other domains are listed for theirs")
}

/// Stops a link with an account of a connection for which the domain is blocked.
pub(super) fn domain_allowed(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let blocked = |account: &Account| blocked_domain(s.policy, s.current.email(), account);
    first_of_meant(s, blocked, "not in `blocked_domains` for theirs")
}

/// Stops at the first of the meant candidates that there is a reason against.
fn first_of_meant(
    s: &Situation,
    reason: impl Fn(&Account) -> Option<Reason>,
    passed: &'static str,
) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    match s.meant().find_map(|candidate| reason(&candidate.account)) {
        Some(reason) => no_op(reason),
        None => passes(passed),
    }
}

/// Reports the accounts found that are not eligible, and stops if no other account is left.
pub(super) fn dropped(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let detail = |code: ReasonCode| match code {
        ReasonCode::AlreadyLinked => "The account found is an identity of this login's user already.",
        ReasonCode::ForeignCandidate => {
            "The directory returned an account without this address; it was ignored."
        }
        ReasonCode::MatchOnUnverifiedSecondary => {
            "Only an unverified linked identity of the account has the address."
        }
        ReasonCode::CaseVariantOnly => {
            "The address of the account found differs in case, which `email_compare` does not ignore."
        }
        ReasonCode::CandidateGone => "The account with this address is deleted or being deleted.",
        ReasonCode::OptedOut => {
            "The account with this address is excluded from linking, or its marks in `app_metadata` cannot be read."
        }
        ReasonCode::UnlinkedByOperator => {
            "An operator separated the two accounts recently, and they are not linked again yet."
        }
        _ => "The two accounts were unlinked recently and are not linked again yet.",
    };
    let mut reasons: Vec<Reason> =
        s.dropped.iter().map(|(id, code)| code.about(&[id], detail(*code))).collect();
    let parted = |(a, b)| s.find_separation(a, b).map(|code| (a, b, code));
    if let Some((a, b, code)) = s.pairs_of_meant().find_map(parted) {
        return no_op(code.about(&[a.id(), b.id()], detail(code)));
    }
    if reasons.is_empty() {
        return passes("no account was left out");
    }
    if s.eligible.is_empty() && s.barred.is_empty() {
        return no_op(reasons.swap_remove(0));
    }
    RuleResult::Notes(reasons)
}

/// Stops a login for which there is no other account.
pub(super) fn candidate(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if !s.eligible.is_empty() || !s.barred.is_empty() {
        return passes_with(s, || format!("{}", s.eligible.len() + s.barred.len()));
    }
    if s.current.user.identities.len() > 1 {
        let detail = "The accounts with this address are one user already.";
        return no_op(ReasonCode::AlreadyLinked.about(&[s.current.id()], detail));
    }
    let detail = if s.input.exact_look_up {
        "No other account has this address. The directory finds an address in exactly its case and in lower case; an address stored with other capital letters is not found."
    } else {
        "No other account has this address."
    };
    no_op(ReasonCode::NoCandidate.about(&[], detail))
}

/// Stops a link if a candidate is blocked.
pub(super) fn candidate_blocked(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let Some(blocked) = s.eligible.iter().find(|candidate| candidate.account.user.blocked) else {
        return passes("none is");
    };
    let detail = "The other account with this verified address is blocked; a link would let its owner in.";
    let reason = ReasonCode::CandidateBlocked.about(&[blocked.account.id()], detail);
    match s.policy.blocked_candidate {
        BlockedCandidate::NoOp => no_op(reason),
        BlockedCandidate::DenyLogin => rule(RulingKind::Deny("This account is blocked."), reason),
    }
}

/// Stops a link with a candidate whose current address is not verified.
pub(super) fn candidate_verified(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let detail = |id: &str, code: ReasonCode| match code {
        ReasonCode::CandidateUnverified => describe_unverified(s, id),
        ReasonCode::PendingEmailChange => "A change of the other account's address is pending.".to_owned(),
        ReasonCode::VerificationStale => {
            "The other account's address was changed after it was verified.".to_owned()
        }
        _ => "The other account has an address that its root identity did not supply, or did not verify."
            .to_owned(),
    };
    let mut reasons: Vec<Reason> =
        s.barred.iter().map(|(id, code)| code.about(&[id], detail(id, *code))).collect();
    if reasons.is_empty() {
        return if s.eligible.is_empty() { RuleResult::NotApplicable } else { passes("every candidate is") };
    }
    if !s.eligible.is_empty() {
        return RuleResult::Notes(reasons);
    }
    let reason = reasons.swap_remove(0);
    let unverified: Vec<String> = s
        .barred
        .iter()
        .filter(|(_, code)| *code == ReasonCode::CandidateUnverified)
        .map(|(id, _)| (*id).to_owned())
        .collect();
    if s.policy.unverified_candidate == NoOpOrSuggest::Suggest && !unverified.is_empty() {
        return rule(RulingKind::Ask(Step::VerifyEmail, unverified), reason);
    }
    no_op(reason)
}

/// The reason why a candidate's address does not count as verified: what its
/// `email_verified` holds.
fn describe_unverified(s: &Situation, id: &str) -> String {
    let found = s.input.found.iter().find(|user| user.user_id == id);
    let by_tenant =
        found.map_or("", |user| describe_tenant_verification(&Account::from_user(user, s.policy)));
    let held = match found.map(|user| &user.email_verified) {
        Some(Verification::Absent) => {
            "The other account does not say whether its address is verified: `email_verified` is absent."
                .to_owned()
        }
        Some(Verification::Null) => {
            "`email_verified` of the other account is null, which proves nothing.".to_owned()
        }
        Some(Verification::NotBoolean(held)) => {
            format!(
                "`email_verified` of the other account is {}; only the boolean true counts.",
                shorten(held)
            )
        }
        _ => "The other account has not verified the address; somebody else may have created it in advance."
            .to_owned(),
    };
    held + by_tenant
}

/// Stops or asks if one provider has two different ids for the accounts.
pub(super) fn same_provider(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let Some((_, other, provider)) =
        s.pairs_of_eligible().find_map(|(a, b)| find_shared_provider(a, b).map(|it| (a, b, it)))
    else {
        return if s.eligible.is_empty() { RuleResult::NotApplicable } else { passes("none does") };
    };
    let detail = format!("{provider} knows the accounts under two ids: the mailbox may have changed hands.");
    let reason = ReasonCode::SameProviderDifferentSubject.about(&[other.id()], detail);
    strictly(s, s.policy.same_provider, other, reason)
}

/// The provider that has an identity in each of the accounts, under two ids.
/// The tenant's own databases are weighed by a rule of their own.
fn find_shared_provider<'a>(a: &Account<'a>, b: &Account) -> Option<&'a str> {
    let twice = a.claims().iter().find(|one| {
        !matches!(one.strategy, "auth0" | "")
            && !one.subject.is_empty()
            && b.claims().iter().any(|other| {
                one.strategy == other.strategy
                    && one.subject != other.subject
                    && (one.connection == other.connection || !is_per_connection(one.strategy))
            })
    });
    twice.map(|claim| claim.strategy)
}
