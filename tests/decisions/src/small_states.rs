//! Small states: two or three accounts of a few identities, each of which says
//! of one address that it is verified or not, or has another one.
//!
//! They are small enough to be enumerated, and rich enough for every rule that
//! asks which identity proves an address.

use std::fmt;

use ligature_host::model::{
    Authentication, AuthenticationMethod, Connection, Decision, Identity, LoginEvent, Outcome, Timestamp,
    User, Verification,
};
use serde_json::{Map, json};

/// The time of every login.
pub const NOW: u64 = 1_795_255_200_000;
const DAY: u64 = 86_400_000;

const ADDRESS: &str = "ada@example.com";
const OTHER_ADDRESS: &str = "eve@elsewhere.example";

/// The kind of connection that an identity is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A database of the tenant.
    Database,
    /// A mailbox, by a code that is mailed to it.
    Mailbox,
    /// The social connection `google-oauth2`.
    Google,
    /// The enterprise connection `company`.
    Company,
    /// The connection `idp`, which anybody may have set up.
    Idp,
}

/// An identity's word on its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// The address in question, verified.
    Verified,
    /// The address in question, not verified.
    Unverified,
    /// Another address, verified.
    Other,
}

/// An identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The kind of the identity's connection.
    pub kind: Kind,
    /// The address of the identity, and whether it is verified.
    pub says: Says,
}

/// Identities of one user, the primary one first.
pub type Account = Vec<Member>;

/// Accounts, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State(pub Vec<Account>);

/// All kinds of identities.
pub const KINDS: [Kind; 5] = [Kind::Database, Kind::Mailbox, Kind::Google, Kind::Company, Kind::Idp];
const SAYS: [Says; 3] = [Says::Verified, Says::Unverified, Says::Other];

/// Returns every identity that can be a linked one.
pub fn linked_members() -> impl Iterator<Item = Member> + Clone {
    KINDS.into_iter().flat_map(|kind| SAYS.map(|says| Member { kind, says }))
}

/// Every identity that can be an account's primary one, of accounts that have
/// the address in question. That it is not verified is the same of all kinds but
/// those that the tenant can verify itself.
#[must_use]
pub fn primary_members() -> Vec<Member> {
    let verified = KINDS.map(|kind| Member { kind, says: Says::Verified });
    let unverified = [Kind::Database, Kind::Idp].map(|kind| Member { kind, says: Says::Unverified });
    [&verified[..], &unverified[..]].concat()
}

/// Returns every account with this number of identities, from 1 to 3, regardless of the order of
/// linked ones.
#[must_use]
pub fn accounts(identities: usize) -> Vec<Account> {
    let mut accounts: Vec<Account> = primary_members().into_iter().map(|member| vec![member]).collect();
    for _ in 1..identities {
        let longer = |account: &Account| {
            let behind = account.get(1).and(account.last()).copied();
            let account = account.clone();
            let next = linked_members().filter(move |next| behind.is_none_or(|last| last <= *next));
            next.map(move |next| [&account[..], &[next]].concat())
        };
        accounts = accounts.iter().flat_map(longer).collect();
    }
    accounts
}

impl Kind {
    fn connection(self) -> (&'static str, &'static str) {
        match self {
            Self::Database => ("users", "auth0"),
            Self::Mailbox => ("email", "email"),
            Self::Google => ("google-oauth2", "google-oauth2"),
            Self::Company => ("company", "samlp"),
            Self::Idp => ("idp", "oauth2"),
        }
    }
}

impl Says {
    fn email(self) -> &'static str {
        if self == Self::Other { OTHER_ADDRESS } else { ADDRESS }
    }

    fn verification(self) -> Verification {
        if self == Self::Unverified { Verification::Unverified } else { Verification::Verified }
    }
}

impl State {
    /// The users, as a directory has them. All have logged in before.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        (0..self.0.len()).map(|account| self.user(account)).collect()
    }

    fn user(&self, account: usize) -> User {
        let members = &self.0[account];
        let identities = (0..members.len()).map(|member| {
            let identity = self.identity(account, member);
            let says = members[member].says;
            let profile = [
                ("email".to_owned(), json!(says.email())),
                ("email_verified".to_owned(), json!(says.verification())),
            ];
            Identity { profile_data: (members.len() > 1).then(|| Map::from_iter(profile)), ..identity }
        });
        let created = NOW - (100 - account as u64) * DAY;
        User {
            user_id: self.user_id(account),
            email: Some(members[0].says.email().to_owned()),
            email_verified: members[0].says.verification(),
            created_at: Timestamp::from_millis(created),
            last_login: Timestamp::from_millis(NOW - DAY),
            logins_count: Some(3 + account as u64),
            identities: identities.collect(),
            ..User::default()
        }
    }

    /// The number of identities.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The id of an account's user.
    #[must_use]
    pub fn user_id(&self, account: usize) -> String {
        self.identity(account, 0).as_user_id()
    }

    fn identity(&self, account: usize, member: usize) -> Identity {
        let kind = self.0[account][member].kind;
        let (connection, provider) = kind.connection();
        Identity {
            provider: provider.to_owned(),
            user_id: format!("{account}-{member}"),
            connection: connection.to_owned(),
            is_social: matches!(kind, Kind::Google | Kind::Idp),
            ..Identity::default()
        }
    }

    /// A login to an account by one of its identities, whose provider says what
    /// it has said before. The method is always the same.
    #[must_use]
    pub fn event(&self, account: usize, member: usize) -> LoginEvent {
        let (identity, says) = (self.identity(account, member), self.0[account][member].says);
        let (name, strategy) = self.0[account][member].kind.connection();
        let user = User {
            user_id: identity.as_user_id(),
            email: Some(says.email().to_owned()),
            email_verified: says.verification(),
            identities: vec![identity],
            ..User::default()
        };
        let connection =
            Connection { name: name.to_owned(), strategy: strategy.to_owned(), ..Connection::default() };
        let mut event = LoginEvent::new(user, connection, Map::new());
        let method = AuthenticationMethod {
            name: "federated".to_owned(),
            timestamp: Timestamp::from_millis(NOW),
            ..AuthenticationMethod::default()
        };
        event.authentication = Some(Authentication { methods: vec![method], ..Authentication::default() });
        event
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (account, members) in self.0.iter().enumerate() {
            for (member, Member { says, .. }) in members.iter().enumerate() {
                let what = match says {
                    Says::Verified => "verified",
                    Says::Unverified => "unverified",
                    Says::Other => "another address",
                };
                let with = if member == 0 { "  " } else { " with " };
                write!(f, "{with}{} ({what})", self.identity(account, member).as_user_id())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A decision, without the accounts that the user is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `proceed`, `suggest` or `deny`, or the primary that all were linked into.
    pub what: String,
    /// The code of the deciding reason.
    pub code: String,
    /// The users that are left.
    pub left: Vec<String>,
}

impl Verdict {
    /// The verdict of an outcome, after which these users are left.
    #[must_use]
    pub fn of(outcome: &Outcome, left: impl IntoIterator<Item = String>) -> Self {
        let what = match &outcome.decision {
            Decision::Proceed => "proceed".to_owned(),
            Decision::Suggest { .. } => "suggest".to_owned(),
            Decision::Deny { .. } => "deny".to_owned(),
            Decision::Linked { primary } => format!("linked into {primary}"),
        };
        let code = outcome.reasons.first().map(|reason| reason.code.clone()).unwrap_or_default();
        Self { what, code, left: left.into_iter().collect() }
    }

    /// Returns whether accounts were linked.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.what.starts_with("linked")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.code)
    }
}

/// Decides a login in a state.
pub type Decide<'a> = dyn Fn(&LoginEvent) -> Verdict + 'a;

/// Invariant 12: a login by any identity of an account links nothing that a login
/// by another would not. Says where it does not hold.
///
/// # Errors
///
/// The two logins, and what was decided at each.
pub fn i12(state: &State, account: usize, decide: &Decide) -> Result<(), String> {
    let by = |member| decide(&state.event(account, member));
    let first = by(0);
    for member in 1..state.0[account].len() {
        let other = by(member);
        if other != first {
            let (one, another) = (state.identity(account, 0), state.identity(account, member));
            let (one, another) = (one.as_user_id(), another.as_user_id());
            return Err(format!("{state}  by {one}: {first}\n  by {another}: {other}"));
        }
    }
    Ok(())
}

/// Reasons of rules that are weighed on the login alone, and on candidates too.
const STOPS_BEFORE_LOOK_UP: [&str; 3] = ["CONNECTION_EXCLUDED", "DOMAIN_NOT_OWNED", "DOMAIN_NOT_ALLOWED"];

/// Invariant 13: whichever of two accounts logs in, the decision is the same, but
/// for who is asked. Says where it does not hold. An account whose address is not
/// verified looks nobody up, so that of two logins one of which is such only the
/// links are compared. Two logins that are both stopped before the look-up have
/// reasons of their own.
///
/// # Errors
///
/// The two logins, and what was decided at each.
pub fn i13(state: &State, pair: (usize, usize), decide: &Decide) -> Result<(), String> {
    let [one, other] = [pair.0, pair.1].map(|account| decide(&state.event(account, 0)));
    let is_verified = |account: usize| state.0[account][0].says == Says::Verified;
    let is_same = if is_verified(pair.0) && is_verified(pair.1) {
        let stopped = [&one, &other].iter().all(|it| STOPS_BEFORE_LOOK_UP.contains(&it.code.as_str()));
        (&one.what, &one.left) == (&other.what, &other.left) && (stopped || one.code == other.code)
    } else {
        (one.is_link(), &one.left) == (other.is_link(), &other.left)
    };
    if is_same {
        return Ok(());
    }
    let [first, second] = [pair.0, pair.1].map(|account| state.user_id(account));
    Err(format!("{state}  {first} logs in: {one}\n  {second} logs in: {other}"))
}
