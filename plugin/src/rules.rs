//! The rules, in their order. The first that stops the decision decides; all of
//! them are traced.

use std::borrow::Cow;

use link_policy::{
    BlockedCandidate, Caution, Mfa, Mode, NoOpOrSuggest, OnError, OnMultiple, PrivilegedDecision,
    RequireVerified, Strictness,
};

use crate::bindings::{ApiError, Level, Reason, Step, Verification};
use crate::email::{self, Form, Match};
use crate::metadata::{self, Sides};
use crate::reason::Code;
use crate::situation::{Account, Candidate, Situation, Trust};

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
    Rule { number: 1, name: "nothing is excluded", overrules: false, weigh: excluded },
    Rule { number: 2, name: "the login's account is not blocked", overrules: false, weigh: current_blocked },
    Rule { number: 3, name: "the address can be compared", overrules: false, weigh: address },
    Rule { number: 4, name: "the login's address is verified", overrules: false, weigh: verified },
    Rule { number: 5, name: "the connection speaks for the domain", overrules: false, weigh: domain_owned },
    Rule { number: 6, name: "the domain is allowed", overrules: false, weigh: domain_allowed },
    Rule { number: 7, name: "the look-up is complete", overrules: false, weigh: look_up },
    Rule { number: 8, name: "some account found can be weighed", overrules: false, weigh: dropped },
    Rule { number: 9, name: "there is a candidate", overrules: false, weigh: candidate },
    Rule { number: 10, name: "no candidate is blocked", overrules: false, weigh: candidate_blocked },
    Rule {
        number: 11,
        name: "the candidate is verified, as it is now",
        overrules: false,
        weigh: candidate_verified,
    },
    Rule { number: 12, name: "no provider knows the address twice", overrules: false, weigh: same_provider },
    Rule {
        number: 13,
        name: "the candidate's database and address are unambiguous",
        overrules: false,
        weigh: ambiguous,
    },
    Rule { number: 14, name: "one candidate is meant", overrules: false, weigh: one_meant },
    Rule {
        number: 15,
        name: "both belong to one organization and group",
        overrules: false,
        weigh: organization,
    },
    Rule { number: 16, name: "a directory manages at most one", overrules: false, weigh: managed },
    Rule { number: 17, name: "metadata that must be equal is", overrules: false, weigh: metadata_equal },
    Rule { number: 18, name: "neither account has power", overrules: false, weigh: privileged },
    Rule { number: 19, name: "MFA is not bypassed", overrules: false, weigh: mfa },
    Rule { number: 20, name: "the candidate's identities are its owner's", overrules: false, weigh: trojan },
    Rule { number: 21, name: "both connections are trusted", overrules: false, weigh: trusted },
    Rule { number: 22, name: "the primary is chosen", overrules: false, weigh: primary },
    Rule {
        number: 23,
        name: "no account with linked identities is demoted",
        overrules: false,
        weigh: demotes,
    },
    Rule { number: 24, name: "the primary stays within limits", overrules: false, weigh: limits },
    Rule { number: 25, name: "the mode asks", overrules: false, weigh: mode_asks },
    Rule { number: 26, name: "the user can be asked now", overrules: true, weigh: can_ask },
    Rule { number: 27, name: "a required link is not declined", overrules: false, weigh: required },
    Rule { number: 28, name: "the mode only observes", overrules: true, weigh: observes },
    Rule { number: 29, name: "everything has passed", overrules: false, weigh: all_passed },
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

fn excluded(s: &Situation, _: &Course) -> Verdict {
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

fn current_blocked(s: &Situation, _: &Course) -> Verdict {
    if s.current.user.blocked {
        return no_op(Code::CurrentBlocked.about(&[s.current.id()], "The account that logs in is blocked."));
    }
    passes("not blocked")
}

fn address(s: &Situation, _: &Course) -> Verdict {
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

fn verified(s: &Situation, _: &Course) -> Verdict {
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

fn trust_in_login(s: &Situation) -> Trust {
    let connection = &s.input.event.connection;
    s.trust(&connection.name, &connection.strategy, s.current.user.email.as_deref().unwrap_or_default())
}

fn domain_owned(s: &Situation, _: &Course) -> Verdict {
    if trust_in_login(s) == Trust::DomainNotOwned {
        let detail =
            format!("`{}` speaks for other domains than this address's.", s.input.event.connection.name);
        return no_op(Code::DomainNotOwned.about(&[s.current.id()], detail));
    }
    passes("no other domains are listed for it")
}

fn domain_allowed(s: &Situation, _: &Course) -> Verdict {
    let domain = email::domain(s.current.user.email.as_deref().unwrap_or_default());
    let connection = &s.input.event.connection.name;
    let lists = [connection.as_str(), "*"].into_iter().filter_map(|name| s.policy.blocked_domains.get(name));
    if lists.flatten().any(|blocked| blocked.eq_ignore_ascii_case(domain)) {
        let detail = format!("Addresses at {domain} are in `blocked_domains`.");
        return no_op(Code::DomainNotAllowed.about(&[s.current.id()], detail));
    }
    passes("not in `blocked_domains`")
}

fn look_up(s: &Situation, _: &Course) -> Verdict {
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

fn dropped(s: &Situation, _: &Course) -> Verdict {
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

fn candidate(s: &Situation, _: &Course) -> Verdict {
    if !s.eligible.is_empty() || !s.barred.is_empty() {
        return passes_with(s, || format!("{}", s.eligible.len() + s.barred.len()));
    }
    if s.current.user.identities.len() > 1 {
        let detail = "The accounts with this address are one user already.";
        return no_op(Code::AlreadyLinked.about(&[s.current.id()], detail));
    }
    no_op(Code::NoCandidate.about(&[], "No other account has this address."))
}

fn candidate_blocked(s: &Situation, _: &Course) -> Verdict {
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

fn candidate_verified(s: &Situation, _: &Course) -> Verdict {
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

fn same_provider(s: &Situation, _: &Course) -> Verdict {
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

fn ambiguous(s: &Situation, _: &Course) -> Verdict {
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

fn one_meant(s: &Situation, _: &Course) -> Verdict {
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

fn organization(s: &Situation, _: &Course) -> Verdict {
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

fn managed(s: &Situation, _: &Course) -> Verdict {
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

fn secondaries<'s, 'a>(s: &'s Situation<'a>) -> impl Iterator<Item = &'s Account<'a>> {
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

fn metadata_equal(s: &Situation, _: &Course) -> Verdict {
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

fn privileged(s: &Situation, _: &Course) -> Verdict {
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

fn mfa(s: &Situation, _: &Course) -> Verdict {
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

fn trojan(s: &Situation, _: &Course) -> Verdict {
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

fn trusted(s: &Situation, _: &Course) -> Verdict {
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

fn primary(s: &Situation, _: &Course) -> Verdict {
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

fn demotes(s: &Situation, _: &Course) -> Verdict {
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

fn limits(s: &Situation, _: &Course) -> Verdict {
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

fn mode_asks(s: &Situation, _: &Course) -> Verdict {
    if !matches!(s.policy.mode, Mode::Suggest | Mode::Required) || s.meant.is_empty() {
        return Verdict::NotApplicable;
    }
    let ids: Vec<&str> = s.meant().map(|candidate| candidate.account.id()).collect();
    let reason = Code::Suggested.about(&ids, "The user is asked to log in to the other account too.");
    ask(s, Step::ReauthenticateCandidate, &ids, false, reason)
}

/// Protocols without a browser that could be sent somewhere. Source: Auth0
/// Actions, `api.redirect.canRedirect`.
const NOT_INTERACTIVE: [&str; 11] = [
    "oauth2-access-token",
    "oauth2-device-code",
    "oauth2-password",
    "oauth2-refresh-token",
    "oauth2-resource-owner",
    "oauth2-resource-owner-jwt-bearer",
    "oauth2-token-exchange",
    "oauth2-webauthn",
    "oidc-ciba",
    "oidc-ciba-web-link",
    "wstrust-usernamemixed",
];

fn can_ask(s: &Situation, course: &Course) -> Verdict {
    let Some(Stop { wish: Wish::Ask(..), reason }) = course else { return Verdict::NotApplicable };
    let subject: Vec<&str> = reason.subject.iter().map(String::as_str).collect();
    let unasked = |code: Code, detail: String| {
        Verdict::Replaces(Stop { wish: Wish::Proceed, reason: code.about(&subject, detail) })
    };
    let event = s.input.event;
    let protocol = event.protocol.as_deref().unwrap_or_default();
    if NOT_INTERACTIVE.contains(&protocol) || event.prompt.iter().any(|prompt| prompt == "none") {
        return unasked(
            Code::NonInteractive,
            "The user would be asked, but nobody is there to answer.".to_owned(),
        );
    }
    if s.policy.mode == Mode::Required {
        return passes("a required link is asked for at every login");
    }
    let (prompts, state) = (&s.policy.prompts, &s.current.state);
    if state.prompts() >= prompts.max {
        return unasked(
            Code::PromptsExhausted,
            format!("The user has been asked {} time(s).", state.prompts()),
        );
    }
    if state.asked_within(prompts.ask_again_after_days, s.input.now) {
        let detail = format!("The user was asked less than {} days ago.", prompts.ask_again_after_days);
        return unasked(Code::AskedRecently, detail);
    }
    passes_with(s, || format!("asked {} of {} time(s)", state.prompts(), prompts.max))
}

fn required(s: &Situation, _: &Course) -> Verdict {
    // Whoever declines is answered in `carry_out::declined`.
    if s.policy.mode == Mode::Required { passes("nobody has declined") } else { Verdict::NotApplicable }
}

fn observes(s: &Situation, course: &Course) -> Verdict {
    if s.policy.mode != Mode::Observe {
        return Verdict::NotApplicable;
    }
    let would = |code: Code, subject: &[&str], detail: &str| {
        Verdict::Replaces(Stop { wish: Wish::Proceed, reason: code.about(subject, detail) })
    };
    let Some(stop) = course else {
        let mut party: Vec<&str> = vec![s.primary().0.id()];
        party.extend(secondaries(s).map(Account::id));
        return would(
            Code::WouldLink,
            &party,
            "In mode `auto` these would have been linked, the first as primary.",
        );
    };
    let subject: Vec<&str> = stop.reason.subject.iter().map(String::as_str).collect();
    match &stop.wish {
        Wish::Ask(..) => {
            would(Code::WouldSuggest, &subject, "In mode `auto` the user would have been asked.")
        }
        Wish::Deny(_) => would(Code::WouldDeny, &subject, "In mode `auto` the login would have been denied."),
        _ if stop.reason.level == Level::Conflict => {
            would(Code::WouldConflict, &subject, "In mode `auto` this conflict would have been reported.")
        }
        _ => passes("`auto` would have done the same"),
    }
}

fn all_passed(s: &Situation, course: &Course) -> Verdict {
    if course.is_some() {
        return Verdict::NotApplicable;
    }
    let mut party: Vec<&str> = vec![s.primary().0.id()];
    party.extend(secondaries(s).map(Account::id));
    let reason = if s.input.proof.is_some() {
        Code::LinkedByProof.about(&party, "The user has proved both accounts; the first one stays.")
    } else {
        Code::LinkedVerifiedBoth
            .about(&party, "Both accounts have verified the same address; the first one stays.")
    };
    stop(Wish::Link, reason)
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
