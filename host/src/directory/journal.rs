//! The journal: what was linked and unlinked, by whom, why, and what a link
//! destroyed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::ambient::Ambient;
use crate::model::{LoginEvent, Metadata, Moment, Proof, Reason, Timestamp, User, mask_addresses};
use crate::random::Random;

/// An entry's id: a random UUID, so that a distributed engine can spread the
/// entries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(String);

impl EntryId {
    fn draw(random: &dyn Random) -> Self {
        Self(random.uuid().to_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EntryId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = uuid::Uuid::try_parse(text);
        id.map(|id| Self(id.to_string()))
            .map_err(|_| format!("`{text}` is not a LINK-ID; `ligature journal list` prints them"))
    }
}

/// The kind of the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A user became identities of another.
    Link,
    /// An identity became a user of its own.
    Unlink,
    /// A link was taken back.
    Undo,
    /// A user was blocked. It stands on both sides of the entry.
    Block,
    /// A user was let in again.
    Unblock,
}

impl Kind {
    /// As JSON and the databases have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::Undo => "undo",
            Self::Block => "block",
            Self::Unblock => "unblock",
        }
    }

    /// Whether accounts were parted by it.
    #[must_use]
    pub fn parts(self) -> bool {
        matches!(self, Self::Unlink | Self::Undo)
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Actor {
    /// A plugin, at a login.
    Plugin,
    /// A person with access to the directory.
    Operator {
        /// As the system calls them.
        name: String,
    },
    /// A client of the Management API.
    Client {
        /// Its client id.
        client_id: String,
    },
    /// The user themselves.
    User {
        /// Their user id.
        user_id: String,
    },
}

impl Actor {
    /// The name that the mark of two parted accounts gives to this actor; none where
    /// it acts for their user.
    pub(super) fn parts_as(&self) -> Option<&'static str> {
        match self {
            Self::Operator { .. } => Some("operator"),
            Self::Plugin | Self::Client { .. } | Self::User { .. } => None,
        }
    }
}

/// A plugin, down to the byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginVersion {
    /// What it is called.
    pub name: String,
    /// SHA-256 of the component, in hexadecimal.
    pub sha256: String,
}

/// Who acted, on what evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Who.
    pub actor: Actor,
    /// The login that it rests on, if it was at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// SHA-256 of the policy document, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_sha256: Option<String>,
    /// The plugin that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginVersion>,
}

impl Provenance {
    /// Somebody with access to the directory acts, at no login.
    #[must_use]
    pub fn operator(name: impl Into<String>) -> Self {
        Self {
            actor: Actor::Operator { name: name.into() },
            evidence: None,
            policy_sha256: None,
            plugin: None,
        }
    }
}

/// What a decision at a login rests on. Its address is masked; the ids of users
/// are not, which some providers make of addresses.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The user that logged in.
    pub user_id: String,
    /// The connection it came through.
    pub connection: String,
    /// The methods by which it proved who it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The verified address of the login, which both sides have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_email: Option<String>,
    /// The application it logged in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The transaction's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// What the user proved of the other account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl Evidence {
    /// A link by the user's own will, into this account as it is now.
    #[must_use]
    pub fn by_will(primary: &User) -> Self {
        let email = primary.email.as_deref().filter(|_| primary.email_verified.is_verified());
        Self {
            user_id: primary.user_id.clone(),
            connection: primary.identities.first().map(|it| it.connection.clone()).unwrap_or_default(),
            verified_email: email.map(|email| mask_addresses(email).into_owned()),
            ..Self::default()
        }
    }

    /// What this login proves.
    #[must_use]
    pub fn of(event: &LoginEvent, proof: Option<&Proof>) -> Self {
        let methods = event.authentication.iter().flat_map(|it| &it.methods);
        let email = event.user.email.as_deref().filter(|_| event.user.email_verified.is_verified());
        let transaction = event.transaction.as_ref().and_then(|it| it.rest.get("id"));
        Self {
            user_id: event.user.user_id.clone(),
            connection: event.connection.name.clone(),
            methods: methods.map(|method| method.name.clone()).collect(),
            verified_email: email.map(|email| mask_addresses(email).into_owned()),
            client_id: event.client.as_ref().map(|client| client.client_id.clone()),
            transaction: transaction.and_then(|id| id.as_str()).map(str::to_owned),
            proof: proof.cloned(),
        }
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The kind of the entry.
    pub kind: Kind,
    /// When, by the clock.
    pub at: Timestamp,
    /// Where it stands in the journal: behind every earlier entry of its users.
    pub place: Moment,
    /// The user that stayed.
    pub primary: String,
    /// The user that became identities of the primary, or a user again.
    pub secondary: String,
    /// Who did it, on what evidence.
    #[serde(flatten, serialize_with = "shared")]
    pub provenance: Arc<Provenance>,
    /// Why. Addresses in them are masked.
    #[serde(skip_serializing_if = "no_reasons", serialize_with = "shared")]
    pub reasons: Arc<[Reason]>,
    /// Of an undo: the link that was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<EntryId>,
    /// Of a link: when it was taken back, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone: Option<Undone>,
    /// Of a link: what it destroyed.
    pub kept: Kept,
}

/// That a link was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The entry of the undo.
    pub by: EntryId,
    /// When.
    pub at: Timestamp,
}

/// What is left of what a link destroyed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// All of it.
    Whole(Snapshot),
    /// It destroyed nothing.
    Nothing,
    /// All of it, encrypted with a key that this process does not have.
    Sealed {
        /// The key's id.
        key: String,
    },
    /// Nothing any more: it was erased.
    Forgotten,
    /// Not read: lists leave it out.
    Unread,
}

/// What a link destroys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The secondary, as it was.
    #[serde(serialize_with = "shared", deserialize_with = "to_share")]
    pub secondary: Arc<User>,
    /// Of the primary, what was changed.
    pub touched: Touched,
}

fn no_reasons(reasons: &Arc<[Reason]>) -> bool {
    reasons.is_empty()
}

fn shared<T: Serialize + ?Sized, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

fn to_share<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<User>, D::Error> {
    User::deserialize(deserializer).map(Arc::new)
}

/// What a link changed of the primary.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Touched {
    /// When it had changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// How often it had logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins_count: Option<u64>,
    /// Whether its own identity got its `profileData` by this link.
    pub own_profile_added: bool,
    /// What was changed in `user_metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<MetadataChange>,
    /// What was changed in `app_metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_metadata: Option<MetadataChange>,
}

/// A change of metadata: the keys that differ, before and after.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetadataChange {
    /// There was no such metadata at all.
    pub was_absent: bool,
    /// What stood there.
    pub before: Metadata,
    /// What stood there then.
    pub after: Metadata,
}

impl Touched {
    /// The change that a link makes to its primary.
    #[must_use]
    pub fn between(before: &User, after: &User) -> Self {
        let has_profile = |user: &User| user.identities.first().is_some_and(|own| own.profile_data.is_some());
        let change = |before: &Option<Metadata>, after: &Option<Metadata>| {
            (before != after).then(|| MetadataChange::between(before.as_ref(), after.as_ref()))
        };
        Self {
            updated_at: before.updated_at,
            logins_count: before.logins_count,
            own_profile_added: has_profile(after) && !has_profile(before),
            user_metadata: change(&before.user_metadata, &after.user_metadata),
            app_metadata: change(&before.app_metadata, &after.app_metadata),
        }
    }
}

impl MetadataChange {
    fn between(before: Option<&Metadata>, after: Option<&Metadata>) -> Self {
        let differing = |one: Option<&Metadata>, other: Option<&Metadata>| {
            let differs = |key: &String, value| other.and_then(|it| it.get(key)) != Some(value);
            let one = one.into_iter().flatten().filter(|(key, value)| differs(key, value));
            one.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        Self {
            was_absent: before.is_none(),
            before: differing(before, after),
            after: differing(after, before),
        }
    }
}

impl Entry {
    /// An entry with a new id, without reasons and snapshot.
    pub(super) fn new(
        kind: Kind,
        [primary, secondary]: [&str; 2],
        (provenance, at): (&Arc<Provenance>, Timestamp),
        ambient: &Ambient,
    ) -> Self {
        Self {
            id: EntryId::draw(ambient.random()),
            kind,
            at,
            place: Moment::default(),
            primary: primary.to_owned(),
            secondary: secondary.to_owned(),
            provenance: provenance.clone(),
            reasons: Arc::default(),
            undoes: None,
            undone: None,
            kept: Kept::Nothing,
        }
    }
}

/// Which snapshots are to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// Those of before that time.
    Before(Timestamp),
    /// Those that have this user on either side.
    Of(String),
}

#[cfg(test)]
mod tests {
    use super::{EntryId, MetadataChange};
    use crate::random::SystemRandom;

    #[test]
    fn only_keys_that_differ_are_kept() {
        let before = serde_json::from_str(r#"{"a": 1, "b": 2, "c": 3}"#).unwrap();
        let after = serde_json::from_str(r#"{"a": 1, "b": 4, "d": 5}"#).unwrap();
        let change = MetadataChange::between(Some(&before), Some(&after));
        assert_eq!(
            serde_json::to_string(&change).unwrap(),
            r#"{"was_absent":false,"before":{"b":2,"c":3},"after":{"b":4,"d":5}}"#
        );
    }

    #[test]
    fn an_id_is_a_uuid() {
        let id = EntryId::draw(&SystemRandom);
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert!("7".parse::<EntryId>().unwrap_err().contains("journal list"));
    }
}
