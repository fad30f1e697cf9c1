//! A state of the game as a directory, and back.

use ligature_host::ambient::Ambient;
use ligature_host::directory::Memory;
use ligature_host::model::{
    Authentication, AuthenticationMethod, Connection, Identity, LoginEvent, Timestamp, Transaction, User,
    Verification,
};
use serde_json::{Map, Value, json};

use crate::world::{Address, Claim, Id, Player, World};

/// The time of every login.
pub(crate) const NOW: u64 = 1_795_255_200_000;
const DAY: u64 = 86_400_000;

/// The player whose accounts are older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Older {
    Attackers,
    Victims,
}

impl Address {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Victims => "victim@example.com",
            Self::Attackers => "eve@evil.example",
        }
    }

    fn of(text: &str) -> Self {
        if text == Self::Victims.text() { Self::Victims } else { Self::Attackers }
    }
}

impl Id {
    /// The connection, which is the provider too where they have one name.
    pub(crate) fn connection(self) -> (&'static str, &'static str) {
        match self {
            Self::Idp | Self::OtherIdp => ("evil-idp", "oauth2"),
            Self::Company => ("evil-company", "samlp"),
            Self::Database | Self::OtherDatabase | Self::VictimsDatabase => ("users", "auth0"),
            Self::Mailbox | Self::VictimsMailbox => ("email", "email"),
            Self::Google | Self::VictimsGoogle => ("google-oauth2", "google-oauth2"),
        }
    }

    pub(crate) fn user_id(self) -> &'static str {
        match self {
            Self::Idp => "oauth2|evil-idp|1",
            Self::OtherIdp => "oauth2|evil-idp|2",
            Self::Company => "samlp|evil-company|eve",
            Self::Database => "auth0|d1",
            Self::OtherDatabase => "auth0|d2",
            Self::VictimsDatabase => "auth0|d3",
            Self::Mailbox => "email|eve",
            Self::VictimsMailbox => "email|victim",
            Self::Google => "google-oauth2|eve",
            Self::VictimsGoogle => "google-oauth2|victim",
        }
    }

    pub(crate) fn with_user_id(user_id: &str) -> Self {
        let known = Self::ALL.into_iter().find(|id| id.user_id() == user_id);
        known.unwrap_or_else(|| panic!("a user that nobody has made: {user_id}"))
    }

    fn method(self) -> &'static str {
        match self.connection().1 {
            "auth0" => "pwd",
            "email" => "email",
            _ => "federated",
        }
    }

    fn as_identity(self, profile: Option<Claim>) -> Identity {
        let (connection, strategy) = self.connection();
        Identity {
            provider: strategy.to_owned(),
            user_id: self.user_id()[strategy.len() + 1..].to_owned(),
            connection: connection.to_owned(),
            is_social: matches!(strategy, "oauth2" | "google-oauth2"),
            profile_data: profile.map(|claim| {
                let email = ("email".to_owned(), json!(claim.address.text()));
                Map::from_iter([email, ("email_verified".to_owned(), json!(claim.verified))])
            }),
            ..Identity::default()
        }
    }
}

fn verification(claim: Claim) -> Verification {
    if claim.verified { Verification::Verified } else { Verification::Unverified }
}

/// The directory of a state. Every account has logged in before: one that never
/// has is asked about anyway.
pub(crate) fn directory(world: &World, older: Older) -> Memory {
    Memory::with_users(
        &Ambient::fixed(Timestamp::default()),
        world.accounts().map(|account| user(world, account, older)),
    )
}

fn user(world: &World, account: Id, older: Older) -> User {
    // The primary identity first, as in every directory.
    let linked = world.identities(account).filter(|id| *id != account);
    let identities = std::iter::once(account).chain(linked).map(|id| id.as_identity(world.profile(id)));
    let is_victims = account >= Id::VictimsGoogle;
    let days = match (older, is_victims) {
        (Older::Attackers, true) | (Older::Victims, false) => 100,
        (Older::Attackers, false) | (Older::Victims, true) => 200,
    };
    let created = NOW - (days + account as u64) * DAY;
    let claim = world.address(account);
    let attackers = world.can_enter(Player::Attacker, account);
    let apart: Vec<Value> =
        world.apart(account).map(|id| json!({ "from": id.user_id(), "at": NOW - DAY })).collect();
    User {
        user_id: account.user_id().to_owned(),
        email: claim.map(|claim| claim.address.text().to_owned()),
        email_verified: claim.map_or(Verification::Absent, verification),
        created_at: Timestamp::from_millis(created),
        last_login: Timestamp::from_millis(NOW - DAY),
        logins_count: Some(if attackers { 9 } else { 3 }),
        identities: identities.collect(),
        app_metadata: (!apart.is_empty())
            .then(|| Map::from_iter([("linking".to_owned(), json!({ "unlinked": apart }))])),
        ..User::default()
    }
}

/// The state of a directory. The owners of the passwords do not change.
pub(crate) fn world(directory: &Memory, before: &World) -> World {
    let mut world = before.without_accounts();
    for user in directory.users() {
        let account = Id::with_user_id(&user.user_id);
        let address = user.email.as_deref().map(Address::of);
        let verified = user.email_verified.is_verified();
        world.set_address(account, address.map(|address| Claim { address, verified }));
        for identity in &user.identities {
            let said = |key| identity.profile_data.as_ref().and_then(|profile| profile.get(key));
            let address = said("email").and_then(Value::as_str).map(Address::of);
            let verified = said("email_verified") == Some(&Value::Bool(true));
            let profile = address.map(|address| Claim { address, verified });
            world.put_identity(account, Id::with_user_id(&identity.as_user_id()), profile);
        }
        let linking = user.app_metadata.as_ref().and_then(|metadata| metadata.get("linking"));
        let pairs = linking.and_then(|linking| linking.get("unlinked")).and_then(Value::as_array);
        for from in pairs.into_iter().flatten().filter_map(|pair| pair.get("from").and_then(Value::as_str)) {
            world.set_apart(account, Id::with_user_id(from));
        }
    }
    world
}

/// A login, as the identity's provider and the tenant tell of it. `sent` is what
/// the provider says of the address. One that is carried along by a session was
/// proved the day before, and nobody is there to be asked.
pub(crate) fn event(by: Id, sent: Option<Claim>, carried_along: bool) -> LoginEvent {
    let (connection, strategy) = by.connection();
    let user = User {
        user_id: by.user_id().to_owned(),
        email: sent.map(|claim| claim.address.text().to_owned()),
        email_verified: sent.map_or(Verification::Absent, verification),
        identities: vec![by.as_identity(None)],
        ..User::default()
    };
    let connection =
        Connection { name: connection.to_owned(), strategy: strategy.to_owned(), ..Connection::default() };
    let mut event = LoginEvent::new(user, connection, Map::new());
    let proved = if carried_along { NOW - DAY } else { NOW };
    let method = AuthenticationMethod {
        name: by.method().to_owned(),
        timestamp: Timestamp::from_millis(proved),
        ..AuthenticationMethod::default()
    };
    event.authentication = Some(Authentication { methods: vec![method], ..Authentication::default() });
    event.transaction = Some(Transaction {
        protocol: Some("oidc-basic-profile".to_owned()),
        prompt: if carried_along { vec!["none".to_owned()] } else { Vec::new() },
        ..Transaction::default()
    });
    event
}
