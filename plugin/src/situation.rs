//! What a decision rests on, worked out once: who the candidates are, which of
//! them may be weighed, which is meant, and who would be primary.

use std::cmp::Reverse;

use link_policy::{OnMultiple, Policy, Primary, TrustedConnection};

use crate::bindings::{ApiError, Identity, LoginEvent, Proof, Timestamp, User, Verification};
use crate::email::{self, Match};
use crate::linking_state::LinkingState;
use crate::reason::Code;

/// Everything that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The login.
    pub event: &'a LoginEvent,
    /// The policy for it.
    pub policy: &'a Policy,
    /// Every user but the login's own that the look-ups found, each once.
    pub found: &'a [User],
    /// Why the look-ups failed, if they did.
    pub failed: Option<&'a ApiError>,
    /// What the user has proved when asked, if this is the answer.
    pub proof: Option<&'a Proof>,
    /// The login's time.
    pub now: Timestamp,
}

/// An account and its marks.
pub(crate) struct Account<'a> {
    pub(crate) user: &'a User,
    pub(crate) state: LinkingState,
}

impl<'a> Account<'a> {
    fn of(user: &'a User) -> Self {
        Self { user, state: LinkingState::read(user.app_metadata.as_deref()) }
    }

    pub(crate) fn id(&self) -> &'a str {
        &self.user.user_id
    }

    pub(crate) fn own_identity(&self) -> Option<&'a Identity> {
        self.user.identities.first()
    }

    pub(crate) fn connection(&self) -> &'a str {
        self.own_identity().map_or("", |identity| identity.connection.as_str())
    }

    pub(crate) fn is_in_own_database(&self) -> bool {
        self.own_identity().is_some_and(|identity| identity.provider == "auth0")
    }
}

/// An account with the login's address.
pub(crate) struct Candidate<'a> {
    pub(crate) account: Account<'a>,
    pub(crate) matched: Match,
}

/// What is known, before any rule.
pub(crate) struct Situation<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) policy: &'a Policy,
    pub(crate) current: Account<'a>,
    /// Found, and not weighed at all.
    pub(crate) dropped: Vec<(&'a str, Code)>,
    /// Weighed, and not to be linked whatever the policy says.
    pub(crate) barred: Vec<(&'a str, Code)>,
    /// What remains, in the order of user ids.
    pub(crate) eligible: Vec<Candidate<'a>>,
    /// Indices into `eligible`: which are meant. Empty if nobody can tell.
    pub(crate) meant: Vec<usize>,
    /// The place of the one that stays in the party, and why it does.
    primary: (usize, Code),
}

impl<'a> Situation<'a> {
    pub(crate) fn of(input: &'a Input<'a>) -> Self {
        let mut situation = Self {
            input,
            policy: input.policy,
            current: Account::of(&input.event.user),
            dropped: Vec::new(),
            barred: Vec::new(),
            eligible: Vec::new(),
            meant: Vec::new(),
            primary: (0, Code::PrimaryByUserId),
        };
        for user in input.found {
            situation.sort_in(user);
        }
        situation.meant = situation.choose();
        situation.primary = situation.choose_primary();
        situation
    }

    fn sort_in(&mut self, user: &'a User) {
        let account = Account::of(user);
        let matched = match (&self.current.user.email, &user.email) {
            (Some(current), Some(candidate)) => email::compare(current, candidate, self.policy.email_compare),
            _ => Match::Different,
        };
        if let Some(code) = self.why_dropped(&account, matched) {
            insert(&mut self.dropped, (account.id(), code), |it| it.0);
        } else if let Some(code) = self.why_barred(&account) {
            insert(&mut self.barred, (account.id(), code), |it| it.0);
        } else {
            insert(&mut self.eligible, Candidate { account, matched }, |it| it.account.id());
        }
    }

    fn why_dropped(&self, account: &Account<'a>, matched: Match) -> Option<Code> {
        let user = account.user;
        let is_identity_of_current =
            |it: &Identity| self.current.user.identities.iter().any(|own| same_identity(own, it));
        if user.user_id == self.current.id() || user.identities.iter().any(is_identity_of_current) {
            return Some(Code::AlreadyLinked);
        }
        if matched == Match::Different {
            let own = self.current.user.email.as_deref().unwrap_or_default();
            let in_secondary = user.identities.iter().any(|it| {
                it.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(own))
                    && it.email_verified != Verification::Verified
            });
            return Some(if in_secondary {
                Code::MatchOnUnverifiedSecondary
            } else {
                Code::ForeignCandidate
            });
        }
        if account.state.deleted() {
            return Some(Code::CandidateGone);
        }
        if account.state.opted_out() {
            return Some(Code::OptedOut);
        }
        let (days, now) = (self.policy.unlink_cooldown_days, self.input.now);
        let apart = account.state.cooling_down_from(self.current.id(), days, now)
            || self.current.state.cooling_down_from(account.id(), days, now);
        apart.then_some(Code::UnlinkedByUser)
    }

    fn why_barred(&self, account: &Account<'a>) -> Option<Code> {
        let user = account.user;
        if user.email_verified != Verification::Verified {
            return Some(Code::CandidateUnverified);
        }
        if account.state.email_change_is_pending() {
            return Some(Code::PendingEmailChange);
        }
        let email = user.email.as_deref().unwrap_or_default();
        account.state.verification_is_stale(email).then_some(Code::VerificationStale)
    }

    /// Which of the eligible are meant.
    fn choose(&self) -> Vec<usize> {
        if let Some(proof) = self.input.proof {
            return self.indices(|candidate| candidate.account.id() == proof.candidate);
        }
        if self.eligible.len() <= 1 {
            return (0..self.eligible.len()).collect();
        }
        match self.policy.on_multiple {
            OnMultiple::LinkAll => (0..self.eligible.len()).collect(),
            OnMultiple::PreferLinked => {
                let linked = self.indices(|candidate| candidate.account.user.identities.len() > 1);
                if linked.len() == 1 { linked } else { Vec::new() }
            }
            OnMultiple::ConflictReport | OnMultiple::Choose | OnMultiple::DenyLogin => Vec::new(),
        }
    }

    fn indices(&self, is_meant: impl Fn(&Candidate) -> bool) -> Vec<usize> {
        (0..self.eligible.len()).filter(|&index| is_meant(&self.eligible[index])).collect()
    }

    /// The candidates that are meant.
    pub(crate) fn meant(&self) -> impl Iterator<Item = &Candidate<'a>> {
        self.meant.iter().map(|&index| &self.eligible[index])
    }

    /// The login's account and those that are meant.
    pub(crate) fn party(&self) -> impl Iterator<Item = &Account<'a>> {
        std::iter::once(&self.current).chain(self.meant().map(|candidate| &candidate.account))
    }

    /// The one that stays, and why.
    pub(crate) fn primary(&self) -> (&Account<'a>, Code) {
        let (place, code) = self.primary;
        (self.party().nth(place).unwrap_or(&self.current), code)
    }

    fn choose_primary(&self) -> (usize, Code) {
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
            Some(other) if other.unmanaged != best.unmanaged => Code::ScimMustBePrimary,
            Some(other) if other.alone != best.alone => Code::PrimaryByIdentities,
            Some(other) if other.by_policy != best.by_policy => Code::PrimaryByPolicy,
            Some(other) if other.created_at != best.created_at => Code::PrimaryByAge,
            _ => Code::PrimaryByUserId,
        };
        (place, code)
    }

    fn rank(&self, account: &Account<'a>) -> Rank<'a> {
        let policy = self.policy;
        let by_policy = match policy.primary {
            Primary::Oldest => Reverse(0),
            Primary::Existing => Reverse(u64::from(account.id() != self.current.id())),
            Primary::DatabaseFirst => Reverse(u64::from(account.is_in_own_database())),
            Primary::MostLogins => Reverse(account.user.logins_count.unwrap_or(0)),
            Primary::ConnectionOrder => {
                let place = policy.connection_order.iter().position(|name| name == account.connection());
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
        account.state.managed()
            || self.policy.managed_connections.iter().any(|name| name == account.connection())
    }

    /// Whether the word of this connection on this address is taken.
    pub(crate) fn trust(&self, connection: &str, strategy: &str, email: &str) -> Trust {
        if self.policy.verified_by_tenant.iter().any(|it| it == connection || it == strategy) {
            return Trust::ByTenantOnly;
        }
        if matches!(strategy, "auth0" | "email") {
            return Trust::Trusted;
        }
        let mut trust = Trust::Untrusted;
        for entry in &self.policy.trusted_connections {
            match entry {
                TrustedConnection::Name(name) if name == "*" => return Trust::Trusted,
                TrustedConnection::Name(name) if name == connection && !is_enterprise(strategy) => {
                    return Trust::Trusted;
                }
                TrustedConnection::Name(_) => {}
                TrustedConnection::Detailed(it) => {
                    let names_it =
                        it.name.as_deref() == Some(connection) || it.strategy.as_deref() == Some(strategy);
                    if !names_it || (it.domains.is_empty() && is_enterprise(strategy)) {
                        continue;
                    }
                    let domain = email::domain(email);
                    if it.domains.is_empty() || it.domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
                    {
                        return Trust::Trusted;
                    }
                    trust = Trust::DomainNotOwned;
                }
            }
        }
        trust
    }

    /// The name of a connection's group.
    pub(crate) fn group(&self, connection: &'a str, strategy: &str) -> Group<'a> {
        let groups = &self.policy.connection_groups;
        let holding = |wanted: &str| groups.iter().find(|(_, names)| names.iter().any(|name| name == wanted));
        match holding(connection).or_else(|| holding("*")) {
            Some((name, _)) => Group::Named(name),
            None if is_enterprise(strategy) => Group::Own(connection),
            None => Group::Others,
        }
    }
}

/// In the order of user ids, each once, whatever the order of the answer. A
/// library sort would be 3 KB of the component for each type.
fn insert<'a, T>(list: &mut Vec<T>, item: T, id: impl Fn(&T) -> &'a str) {
    let place = list.partition_point(|known| id(known) < id(&item));
    if list.get(place).is_none_or(|known| id(known) != id(&item)) {
        list.insert(place, item);
    }
}

/// The smallest is the primary.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'a> {
    unmanaged: bool,
    alone: bool,
    by_policy: Reverse<u64>,
    created_at: Timestamp,
    user_id: &'a str,
}

/// Whether a connection's word is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Trusted,
    Untrusted,
    /// Only the tenant says that all its addresses are verified.
    ByTenantOnly,
    /// It is trusted, for other domains.
    DomainNotOwned,
}

/// The connections that link to one another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Group<'a> {
    Named(&'a str),
    /// An enterprise connection on its own.
    Own(&'a str),
    /// All that are in no other.
    Others,
}

/// Source: Auth0's event schema, the enterprise category of identities.
fn is_enterprise(strategy: &str) -> bool {
    matches!(
        strategy,
        "ad" | "adfs"
            | "google-apps"
            | "ip"
            | "office365"
            | "oidc"
            | "okta"
            | "pingfederate"
            | "samlp"
            | "sharepoint"
            | "waad"
    )
}

fn same_identity(a: &Identity, b: &Identity) -> bool {
    a.provider == b.provider && a.user_id == b.user_id && a.connection == b.connection
}
