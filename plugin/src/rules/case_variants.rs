//! Rules on addresses that differ in case, that several people may share, or that several
//! candidates have.

use ligature_link_policy::{Caution, EmailCompare, OnMultiple};

use super::ruling::{EarlierRuling, RuleResult, RulingKind, ask, no_op, passes, passes_with, rule, strictly};
use crate::account::Account;
use crate::bindings::Step;
use crate::email::Match;
use crate::reason::ReasonCode;
use crate::situation::Situation;
use crate::trust::{Group, find_group};

/// Reports that a case-sensitive look-up may have missed an account of an enterprise
/// connection, if the policy may link the login with one.
///
/// Source: Auth0, "User Profile Structure": addresses of databases are stored in lower case, all
/// others as received.
pub(super) fn capitals(s: &Situation, _: &EarlierRuling) -> RuleResult {
    // The policy does not link an address in another case.
    let is_exact = s.policy.email_compare == EmailCompare::Exact;
    let is_in_reach = || s.current.claims().iter().any(|claim| find_group(s.policy, claim) != Group::Others);
    if !s.input.exact_look_up || is_exact || !is_in_reach() {
        return passes("no account is missed for its capital letters");
    }
    let detail = "Only the address as this login has it and its lower-case form were looked up: an account of an \
                  enterprise connection that is stored with other capital letters was not found.";
    RuleResult::Notes(vec![ReasonCode::CapitalsMayBeMissed.about(&[], detail)])
}

/// Stops or asks if several people may share the address, if both accounts are in
/// databases, or if the addresses differ in case.
pub(super) fn ambiguous(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let policy = s.policy;
    let non_unique =
        |account: &Account| account.connection_in(&policy.non_unique_email_connections).is_some();
    let of_current = non_unique(&s.current);
    if let Some(candidate) = s.eligible.iter().find(|it| of_current || non_unique(&it.account)) {
        let detail = "In the database of one account, several people share an address.";
        let reason = ReasonCode::NonUniqueEmailConnection.about(&[candidate.account.id()], detail);
        return no_op(reason);
    }
    let both_in_databases = |(a, b): &(&Account, &Account)| a.is_in_own_database() && b.is_in_own_database();
    if let Some((a, b)) = s.pairs_of_eligible().find(both_in_databases) {
        let detail = "Both accounts are in databases of the tenant.";
        let reason = ReasonCode::TwoDatabaseAccounts.about(&[a.id(), b.id()], detail);
        let verdict = strictly(s, policy.two_databases, b, reason);
        if !matches!(verdict, RuleResult::Passes(_)) {
            return verdict;
        }
    }
    let is_variant = |account: &Account| !s.is_one_address(account.root_address(), s.current.email());
    let of_current = is_variant(&s.current);
    let variants: Vec<&str> = s
        .meant()
        .filter(|it| of_current || it.matched == Match::LocalPartCase || is_variant(&it.account))
        .map(|it| it.account.id())
        .collect();
    if policy.local_part_case == Caution::Suggest && !variants.is_empty() {
        let detail = "The addresses differ in the case of the part before the `@`.";
        let reason = ReasonCode::CaseVariantOnly.about(&variants, detail);
        return ask(s, Step::ReauthenticateCandidate, &variants, reason);
    }
    if s.eligible.is_empty() { RuleResult::NotApplicable } else { passes("they are") }
}

/// Links that one login may make; the host's own limit is the same.
const LINKS: usize = 2;

/// Stops or asks if several candidates could be linked.
pub(super) fn one_meant(s: &Situation, _: &EarlierRuling) -> RuleResult {
    let ids = || -> Vec<&str> { s.eligible.iter().map(|candidate| candidate.account.id()).collect() };
    match (s.eligible.len(), s.meant.len()) {
        (0, _) => return RuleResult::NotApplicable,
        (1, 1) => return passes_with(s, || ids().concat()),
        (_, meant) if meant > LINKS => {
            let detail =
                format!("{meant} other accounts could be linked, and a login links at most {LINKS}.");
            return no_op(ReasonCode::MultipleCandidates.about(&ids(), detail));
        }
        (all, 1..) => return passes_with(s, || format!("{} of {all}", s.meant_ids().join(", "))),
        (_, 0) => {}
    }
    let ids = ids();
    if s.input.proof.is_some() {
        let detail = "The account that was proved is no longer a candidate of this login.";
        return no_op(ReasonCode::ProofStale.about(&ids, detail));
    }
    let same_connection =
        s.eligible.windows(2).all(|it| it[0].account.root().connection == it[1].account.root().connection);
    let variants = s.eligible.iter().any(|candidate| candidate.matched == Match::LocalPartCase);
    let reason = if same_connection && variants {
        let detail = "Several accounts of one connection differ only in the case of the address.";
        ReasonCode::CaseVariantCandidates.about(&ids, detail)
    } else {
        let detail =
            format!("{} other accounts have this verified address; a person has to choose one.", ids.len());
        ReasonCode::MultipleCandidates.about(&ids, detail)
    };
    match s.policy.on_multiple {
        OnMultiple::Choose => ask(s, Step::ChooseCandidate, &ids, reason),
        OnMultiple::DenyLogin => {
            rule(RulingKind::Deny("Several accounts have this address. Please contact support."), reason)
        }
        _ => no_op(reason),
    }
}
