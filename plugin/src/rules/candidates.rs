//! Rules 8 to 14: who has the address, and which of them is meant.

use link_policy::{BlockedCandidate, Caution, NoOpOrSuggest, OnMultiple};

use super::{Course, Verdict, Wish, ask, no_op, passes, passes_with, stop, strictly};
use crate::bindings::{Reason, Step};
use crate::email::Match;
use crate::reason::Code;
use crate::situation::{Account, Situation};

pub(super) fn dropped(s: &Situation, _: &Course) -> Verdict {
    let detail = |code: Code| match code {
        Code::AlreadyLinked => "The account found is an identity of this login's user already.",
        Code::ForeignCandidate => "The directory returned an account without this address; it was ignored.",
        Code::MatchOnUnverifiedSecondary => {
            "The address stands only in an unverified linked identity of the account."
        }
        Code::CandidateGone => "The account with this address is deleted or being deleted.",
        Code::OptedOut => "The account with this address is excepted from linking.",
        _ => "The two accounts were unlinked not long ago and stay apart.",
    };
    let mut reasons: Vec<Reason> =
        s.dropped.iter().map(|(id, code)| code.about(&[id], detail(*code))).collect();
    if reasons.is_empty() {
        return passes("nobody was left out");
    }
    if s.eligible.is_empty() && s.barred.is_empty() {
        return no_op(reasons.swap_remove(0));
    }
    Verdict::Notes(reasons)
}

pub(super) fn candidate(s: &Situation, _: &Course) -> Verdict {
    if !s.eligible.is_empty() || !s.barred.is_empty() {
        return passes_with(s, || format!("{}", s.eligible.len() + s.barred.len()));
    }
    if s.current.user.identities.len() > 1 {
        let detail = "The accounts with this address are one user already.";
        return no_op(Code::AlreadyLinked.about(&[s.current.id()], detail));
    }
    no_op(Code::NoCandidate.about(&[], "No other account has this address."))
}

pub(super) fn candidate_blocked(s: &Situation, _: &Course) -> Verdict {
    let Some(blocked) = s.eligible.iter().find(|candidate| candidate.account.user.blocked) else {
        return passes("none is");
    };
    let detail = "The other account with this verified address is blocked; a link would let its owner in.";
    let reason = Code::CandidateBlocked.about(&[blocked.account.id()], detail);
    match s.policy.blocked_candidate {
        BlockedCandidate::NoOp => no_op(reason),
        BlockedCandidate::DenyLogin => stop(Wish::Deny("This account is blocked."), reason),
    }
}

pub(super) fn candidate_verified(s: &Situation, _: &Course) -> Verdict {
    let detail = |code: Code| match code {
        Code::CandidateUnverified => {
            "The other account has not verified the address; somebody else may have made it in advance."
        }
        Code::PendingEmailChange => "The other account has a change of its address waiting.",
        _ => "The other account's address was changed after it was verified.",
    };
    let mut reasons: Vec<Reason> =
        s.barred.iter().map(|(id, code)| code.about(&[id], detail(*code))).collect();
    if reasons.is_empty() {
        return if s.eligible.is_empty() { Verdict::NotApplicable } else { passes("every candidate is") };
    }
    if !s.eligible.is_empty() {
        return Verdict::Notes(reasons);
    }
    let reason = reasons.swap_remove(0);
    let unverified: Vec<String> = s
        .barred
        .iter()
        .filter(|(_, code)| *code == Code::CandidateUnverified)
        .map(|(id, _)| (*id).to_owned())
        .collect();
    if s.policy.unverified_candidate == NoOpOrSuggest::Suggest && !unverified.is_empty() {
        return stop(Wish::Ask(Step::VerifyEmail, unverified), reason);
    }
    no_op(reason)
}

pub(super) fn same_provider(s: &Situation, _: &Course) -> Verdict {
    let Some(own) = s.current.own_identity().filter(|own| own.provider != "auth0") else {
        return Verdict::NotApplicable;
    };
    let twice = s.eligible.iter().find(|candidate| {
        candidate.account.user.identities.iter().any(|it| {
            it.provider == own.provider && it.connection == own.connection && it.user_id != own.user_id
        })
    });
    let Some(candidate) = twice else { return passes("none does") };
    let detail =
        format!("{} knows this address under two ids: the mailbox may have changed hands.", own.provider);
    let reason = Code::SameProviderDifferentSubject.about(&[candidate.account.id()], detail);
    strictly(s, s.policy.same_provider, candidate, reason)
}

pub(super) fn ambiguous(s: &Situation, _: &Course) -> Verdict {
    let policy = s.policy;
    let non_unique =
        |account: &Account| policy.non_unique_email_connections.iter().any(|it| it == account.connection());
    if let Some(candidate) = s.eligible.iter().find(|it| non_unique(&it.account) || non_unique(&s.current)) {
        let detail = "In the database of one account several people share an address.";
        let reason = Code::NonUniqueEmailConnection.about(&[candidate.account.id()], detail);
        return no_op(reason);
    }
    if s.current.is_in_own_database()
        && let Some(candidate) = s.eligible.iter().find(|it| it.account.is_in_own_database())
    {
        let detail = "Both accounts are in databases of the tenant.";
        let reason = Code::TwoDatabaseAccounts.about(&[s.current.id(), candidate.account.id()], detail);
        let verdict = strictly(s, policy.two_databases, candidate, reason);
        if !matches!(verdict, Verdict::Passes(_)) {
            return verdict;
        }
    }
    if policy.local_part_case == Caution::Suggest
        && s.eligible.len() == 1
        && let Some(candidate) = s.eligible.iter().find(|it| it.matched == Match::LocalPartCase)
    {
        let detail = "The addresses differ in the case of the part before the `@`.";
        let reason = Code::CaseVariantOnly.about(&[candidate.account.id()], detail);
        return ask(s, Step::ReauthenticateCandidate, &[candidate.account.id()], false, reason);
    }
    if s.eligible.is_empty() { Verdict::NotApplicable } else { passes("they are") }
}

/// Links that one login may make; the host's own limit is the same.
const LINKS: usize = 2;

pub(super) fn one_meant(s: &Situation, _: &Course) -> Verdict {
    let ids: Vec<&str> = s.eligible.iter().map(|candidate| candidate.account.id()).collect();
    match (ids.len(), s.meant.len()) {
        (0, _) => return Verdict::NotApplicable,
        (1, 1) => return passes_with(s, || ids[0].to_owned()),
        (_, meant) if meant > LINKS => {
            let detail =
                format!("{meant} other accounts could be linked, and a login links at most {LINKS}.");
            return no_op(Code::MultipleCandidates.about(&ids, detail));
        }
        (_, 1..) => {
            let meant: Vec<&str> = s.meant().map(|candidate| candidate.account.id()).collect();
            return passes_with(s, || format!("{} of {}", meant.join(", "), ids.len()));
        }
        (_, 0) => {}
    }
    if s.input.proof.is_some() {
        let detail = "The account that was proved is no candidate of this login any more.";
        return no_op(Code::ProofStale.about(&ids, detail));
    }
    let same_connection =
        s.eligible.windows(2).all(|it| it[0].account.connection() == it[1].account.connection());
    let variants = s.eligible.iter().any(|candidate| candidate.matched == Match::LocalPartCase);
    let reason = if same_connection && variants {
        let detail = "Several accounts of one connection differ only in the case of the address.";
        Code::CaseVariantCandidates.about(&ids, detail)
    } else {
        let detail = format!(
            "{} other accounts have this verified address; a person has to say which is meant.",
            ids.len()
        );
        Code::MultipleCandidates.about(&ids, detail)
    };
    match s.policy.on_multiple {
        OnMultiple::Choose => ask(s, Step::ChooseCandidate, &ids, false, reason),
        OnMultiple::DenyLogin => {
            stop(Wish::Deny("Several accounts have this address. Please contact support."), reason)
        }
        _ => no_op(reason),
    }
}
