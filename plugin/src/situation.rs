//! The facts that the rules weigh, computed once: the candidates, the eligible ones,
//! the meant ones, and the account that would be the primary.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::ops::Range;

use ligature_link_policy::{Caution, OnMultiple, Policy, Primary};
use ligature_linking_marks::checked::SettingsHash;

use crate::account::Account;
use crate::address_claim::{AddressClaim, Trust};
use crate::bindings::{ApiError, LoginEvent, Proof, Timestamp, User, Verification};
use crate::email::{self, Match};
use crate::linking_state::PartedBy;
use crate::metadata::Merged;
use crate::reason::ReasonCode;

/// The input of a decision.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The login.
    pub event: &'a LoginEvent,
    /// The policy for it.
    pub policy: &'a Policy,
    /// Every user but the login's own that the look-ups found, each once.
    pub found: &'a [User],
    /// The error of the look-ups, if they failed.
    pub failed: Option<&'a ApiError>,
    /// The user's proof of another account, if the login continues after a question.
    pub proof: Option<&'a Proof>,
    /// Whether the directory finds an address in exactly its case only.
    pub exact_look_up: bool,
    /// The login's time.
    pub now: Timestamp,
}

/// The login before any look-up.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The login's event.
    pub event: &'a LoginEvent,
    /// The policy for it.
    pub policy: &'a Policy,
    /// The user's proof of another account, if the login continues after a question.
    pub proof: Option<&'a Proof>,
    /// The hash of the event's settings, if it is known.
    pub settings_hash: Option<SettingsHash>,
    /// The login's time.
    pub now: Timestamp,
}

/// The login before any look-up, and its account.
pub(crate) struct LoginContext<'a> {
    pub(crate) event: &'a LoginEvent,
    pub(crate) policy: &'a Policy,
    pub(crate) proof: Option<&'a Proof>,
    pub(crate) settings_hash: Option<SettingsHash>,
    pub(crate) now: Timestamp,
    /// The account that logs in.
    pub(crate) current: Account<'a>,
}

impl<'a> LoginContext<'a> {
    pub(crate) fn new(Login { event, policy, proof, settings_hash, now }: Login<'a>) -> Self {
        Self { event, policy, proof, settings_hash, now, current: Account::from_login(event, policy) }
    }
}

impl<'a> Input<'a> {
    /// The login without the accounts found.
    #[must_use]
    pub fn login(&self) -> Login<'a> {
        let Self { event, policy, proof, now, .. } = *self;
        Login { event, policy, proof, settings_hash: None, now }
    }
}

/// An account with the login's address.
pub(crate) struct Candidate<'a> {
    pub(crate) account: Account<'a>,
    pub(crate) matched: Match,
}

/// The login and the accounts found.
pub(crate) struct Situation<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) policy: &'a Policy,
    pub(crate) current: Account<'a>,
    /// The accounts found that are no candidates, with the reason.
    pub(crate) dropped: Vec<(&'a str, ReasonCode)>,
    /// The candidates that no policy may link, with the reason.
    pub(crate) barred: Vec<(&'a str, ReasonCode)>,
    /// The other candidates, in the order of user ids.
    pub(crate) eligible: Vec<Candidate<'a>>,
    /// The places in `eligible` of the candidates to link: those that belong to the person who logs in.
    /// Empty if that is ambiguous.
    pub(crate) meant: Range<usize>,
    /// The place in the party of the account that stays, and the reason. The login's account has place 0.
    primary: (usize, ReasonCode),
    /// The `user_metadata` and the `app_metadata` of the primary and the first
    /// secondary, once merged to find whether they differ.
    pub(crate) merged: OnceCell<Box<[Merged; 2]>>,
}

impl<'a> Situation<'a> {
    pub(crate) fn from_input(input: &'a Input<'a>) -> Self {
        Self::new(LoginContext::new(input.login()), input)
    }

    /// The situation after the look-up. `login` is that of the input.
    pub(crate) fn new(login: LoginContext<'a>, input: &'a Input<'a>) -> Self {
        let mut situation = Self {
            input,
            policy: input.policy,
            current: login.current,
            dropped: Vec::new(),
            barred: Vec::new(),
            eligible: Vec::with_capacity(input.found.len()),
            meant: 0..0,
            primary: (0, ReasonCode::PrimaryByUserId),
            merged: OnceCell::new(),
        };
        for user in input.found {
            situation.sort_in(user);
        }
        situation.meant = situation.choose();
        situation.primary = situation.choose_primary();
        situation
    }

    fn sort_in(&mut self, user: &'a User) {
        let account = Account::from_user(user, self.policy);
        let matched = match (&self.current.user.email, &user.email) {
            (Some(current), Some(candidate)) => email::compare(current, candidate, self.policy.email_compare),
            _ => Match::Different,
        };
        if let Some(code) = self.find_drop_reason(&account, matched) {
            insert(&mut self.dropped, (account.id(), code), |it| it.0);
        } else if let Some(code) = self.find_bar(&account) {
            insert(&mut self.barred, (account.id(), code), |it| it.0);
        } else {
            insert(&mut self.eligible, Candidate { account, matched }, |it| it.account.id());
        }
    }

    fn find_drop_reason(&self, account: &Account<'a>, matched: Match) -> Option<ReasonCode> {
        if account.id() == self.current.id() || account.shares_identity_with(&self.current) {
            return Some(ReasonCode::AlreadyLinked);
        }
        if matched == Match::Different {
            let own = self.current.email();
            let has_address = |address: &str| address.eq_ignore_ascii_case(own);
            return Some(if has_address(account.email()) {
                ReasonCode::CaseVariantOnly
            } else if account.linked().iter().any(|claim| has_address(claim.address) && !claim.is_verified) {
                ReasonCode::MatchOnUnverifiedSecondary
            } else {
                ReasonCode::ForeignCandidate
            });
        }
        if account.state.deleted() {
            return Some(ReasonCode::CandidateGone);
        }
        if account.state.opted_out() {
            return Some(ReasonCode::OptedOut);
        }
        self.find_separation(&self.current, account)
    }

    /// The reason for which two accounts stay apart: somebody has unlinked an identity
    /// of one from one of the other not long ago.
    pub(crate) fn find_separation(&self, a: &Account, b: &Account) -> Option<ReasonCode> {
        let (days, now) = (self.policy.unlink_cooldown_days, self.input.now);
        let by = a.state.cooling_down_from(|id| b.is_or_has(id), days, now);
        let by = by.or_else(|| b.state.cooling_down_from(|id| a.is_or_has(id), days, now))?;
        Some(match by {
            PartedBy::User => ReasonCode::UnlinkedByUser,
            PartedBy::Operator => ReasonCode::UnlinkedByOperator,
        })
    }

    fn find_bar(&self, account: &Account<'a>) -> Option<ReasonCode> {
        if account.user.email_verified != Verification::Verified {
            return Some(ReasonCode::CandidateUnverified);
        }
        find_address_fault(account)
    }

    /// Returns the places of the eligible candidates that are meant: all of them, one, or none.
    fn choose(&self) -> Range<usize> {
        if let Some(proof) = self.input.proof {
            return self.find_only(|candidate| candidate.account.id() == proof.candidate);
        }
        let all = 0..self.eligible.len();
        if all.len() <= 1 {
            return all;
        }
        match self.policy.on_multiple {
            OnMultiple::LinkAll => all,
            OnMultiple::PreferLinked => {
                self.find_only(|candidate| candidate.account.user.identities.len() > 1)
            }
            OnMultiple::ConflictReport | OnMultiple::Choose | OnMultiple::DenyLogin => 0..0,
        }
    }

    /// Returns the place of the only eligible candidate of this kind; none if there are several.
    fn find_only(&self, is_of_kind: impl Fn(&Candidate) -> bool) -> Range<usize> {
        let mut places = (0..self.eligible.len()).filter(|&place| is_of_kind(&self.eligible[place]));
        match (places.next(), places.next()) {
            (Some(place), None) => place..place + 1,
            _ => 0..0,
        }
    }

    /// Returns the candidates that are meant.
    pub(crate) fn meant(&self) -> std::slice::Iter<'_, Candidate<'a>> {
        self.eligible.get(self.meant.clone()).unwrap_or_default().iter()
    }

    /// Returns the ids of the candidates that are meant.
    pub(crate) fn meant_ids(&self) -> Vec<&'a str> {
        self.meant().map(|candidate| candidate.account.id()).collect()
    }

    /// Returns the login's account and the candidates that are meant.
    pub(crate) fn party(&self) -> impl Iterator<Item = &Account<'a>> {
        std::iter::once(&self.current).chain(self.meant().map(|candidate| &candidate.account))
    }

    /// Returns the pairs of the login's account and each eligible candidate, and the pairs of the
    /// candidates that are meant.
    pub(crate) fn pairs_of_eligible(&self) -> impl Iterator<Item = (&Account<'a>, &Account<'a>)> {
        let with_current = self.eligible.iter().map(|candidate| (&self.current, &candidate.account));
        with_current.chain(self.pairs_of_meant())
    }

    /// Returns every pair of the candidates that are meant.
    pub(crate) fn pairs_of_meant(&self) -> impl Iterator<Item = (&Account<'a>, &Account<'a>)> {
        self.meant()
            .enumerate()
            .flat_map(move |(place, a)| self.meant().skip(place + 1).map(move |b| (&a.account, &b.account)))
    }

    /// Returns every pair of accounts of the party.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Account<'a>, &Account<'a>)> {
        self.party().enumerate().flat_map(|(place, a)| self.party().skip(place + 1).map(move |b| (a, b)))
    }

    /// The account that stays, and the reason.
    pub(crate) fn primary(&self) -> (&Account<'a>, ReasonCode) {
        let (place, code) = self.primary;
        let candidate = place.checked_sub(1).and_then(|place| self.eligible.get(self.meant.start + place));
        (candidate.map_or(&self.current, |candidate| &candidate.account), code)
    }

    /// Returns the accounts of the party except the primary, in the order of the party.
    pub(crate) fn secondaries(&self) -> impl Iterator<Item = &Account<'a>> {
        let primary = self.primary.0;
        self.party().enumerate().filter(move |(place, _)| *place != primary).map(|(_, account)| account)
    }

    /// Returns the ids of the party, that of the primary first.
    pub(crate) fn ids_primary_first(&self) -> Vec<&'a str> {
        let mut ids = Vec::with_capacity(1 + self.meant.len());
        ids.push(self.primary().0.id());
        ids.extend(self.secondaries().map(Account::id));
        ids
    }

    fn choose_primary(&self) -> (usize, ReasonCode) {
        if self.meant.is_empty() {
            return (0, ReasonCode::PrimaryByUserId);
        }
        let (mut place, mut best, mut runner_up) = (0, self.rank(&self.current), None);
        for (index, account) in self.party().enumerate().skip(1) {
            let rank = self.rank(account);
            if rank < best {
                place = index;
                runner_up = Some(std::mem::replace(&mut best, rank));
            } else if runner_up.as_ref().is_none_or(|known| rank < *known) {
                runner_up = Some(rank);
            }
        }
        let code = match runner_up {
            Some(other) if other.unmanaged != best.unmanaged => ReasonCode::ScimMustBePrimary,
            Some(other) if other.alone != best.alone => ReasonCode::PrimaryByIdentities,
            Some(other) if other.by_policy != best.by_policy => ReasonCode::PrimaryByPolicy,
            Some(other) if other.created_at != best.created_at => ReasonCode::PrimaryByAge,
            _ => ReasonCode::PrimaryByUserId,
        };
        (place, code)
    }

    fn rank(&self, account: &Account<'a>) -> Rank<'a> {
        let policy = self.policy;
        let by_policy = match policy.primary {
            Primary::Oldest => Reverse(0),
            Primary::Existing => Reverse(u64::from(account.id() != self.current.id())),
            Primary::DatabaseFirst => Reverse(u64::from(account.root().strategy == "auth0")),
            Primary::MostLogins => Reverse(account.user.logins_count.unwrap_or(0)),
            Primary::ConnectionOrder => {
                let place = policy.connection_order.position(account.root().connection);
                Reverse(place.map_or(0, |place| u64::MAX - place as u64))
            }
        };
        Rank {
            unmanaged: !self.is_managed(account),
            // The rule that Auth0 withdrew did not look at it.
            alone: policy.primary != Primary::Existing && account.user.identities.len() <= 1,
            by_policy,
            // An account from the future proves nothing about its age.
            created_at: account.user.created_at.filter(|&at| at <= self.input.now).unwrap_or(Timestamp::MAX),
            user_id: account.id(),
        }
    }

    pub(crate) fn is_managed(&self, account: &Account) -> bool {
        account.state.managed() || account.connection_in(&self.policy.managed_connections).is_some()
    }

    /// Returns whether the policy takes two addresses for one without asking.
    pub(crate) fn is_one_address(&self, a: &str, b: &str) -> bool {
        match email::compare(a, b, self.policy.email_compare) {
            Match::Same => true,
            Match::LocalPartCase => self.policy.local_part_case == Caution::Allow,
            Match::Different => false,
        }
    }

    /// Returns whether an identity proves the login's address: its connection is trusted
    /// and calls just this address verified.
    pub(crate) fn is_proved_by(&self, claim: &AddressClaim) -> bool {
        claim.is_verified
            && claim.trust == Trust::Trusted
            && self.is_one_address(claim.address, self.current.email())
    }

    /// Returns whether this login itself has proved something by this method, and not
    /// longer ago than a proof counts. A refresh, a silent login or a token of
    /// an earlier login carries old proofs along, which do not count.
    pub(crate) fn proves_now(&self, method: &str) -> bool {
        const CARRIED_ALONG: [&str; 4] = [
            "oauth2-access-token",
            "oauth2-refresh-token",
            "oauth2-resource-owner-jwt-bearer",
            "oauth2-token-exchange",
        ];
        let event = self.input.event;
        let protocol = event.protocol.as_deref().unwrap_or_default();
        if CARRIED_ALONG.iter().any(|it| it.eq_ignore_ascii_case(protocol)) || is_silent(event) {
            return false;
        }
        let given = event.methods.iter().filter(|it| it.name == method).filter_map(|it| it.at);
        given.into_iter().any(|at| self.policy.counts_as_proof(at, self.input.now))
    }

    /// Returns whether this login has passed a second factor.
    pub(crate) fn proves_second_factor(&self) -> bool {
        self.proves_now("mfa") || self.proves_now("passkey")
    }

    /// Returns whether this login has proved the mailbox of the login's address: a code
    /// or a link was mailed to it, and not to another address of the account.
    pub(crate) fn proves_mailbox(&self) -> bool {
        let (used, own) = (&self.input.event.connection.name, self.current.email());
        let of_used = |claim: &&AddressClaim| claim.connection == used;
        let is_own_mailbox =
            |claim: &AddressClaim| claim.strategy == "email" && self.is_one_address(claim.address, own);
        self.proves_now("email")
            && self.current.claims().iter().any(|claim| of_used(&claim))
            && self.current.claims().iter().filter(of_used).all(is_own_mailbox)
    }
}

/// Returns whether the user may not be asked in this login.
pub(crate) fn is_silent(event: &LoginEvent) -> bool {
    event.prompt.iter().any(|prompt| prompt.eq_ignore_ascii_case("none"))
}

/// The reason why a verified address of an account does not count, if there is
/// one.
pub(crate) fn find_address_fault(account: &Account) -> Option<ReasonCode> {
    if account.state.email_change_is_pending() {
        return Some(ReasonCode::PendingEmailChange);
    }
    if account.state.verification_is_stale(account.email()) {
        return Some(ReasonCode::VerificationStale);
    }
    account.root_contradicts_address().then_some(ReasonCode::AddressNotVouchedFor)
}

/// Inserts an item in the order of user ids, unless it is there already. A library sort would add 3
/// KB to the component for each type.
fn insert<'a, T>(list: &mut Vec<T>, item: T, id: impl Fn(&T) -> &'a str) {
    let place = list.partition_point(|known| id(known) < id(&item));
    if list.get(place).is_none_or(|known| id(known) != id(&item)) {
        list.insert(place, item);
    }
}

/// The order of accounts for the choice of the primary, which is the smallest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'a> {
    unmanaged: bool,
    alone: bool,
    by_policy: Reverse<u64>,
    created_at: Timestamp,
    user_id: &'a str,
}
