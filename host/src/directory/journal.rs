//! The journal's entries: links, unlinks, undos and blocks, with their actor, their
//! reasons and the data that a link destroys.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::entry_state::EntryState;
use super::provenance::Provenance;
use crate::ambient::Ambient;
use crate::model::{Metadata, Moment, Reason, Timestamp, User};
use crate::random::Random;

/// The id of an entry: a random UUID, which a distributed database can partition by.
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

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A user became identities of another.
    Link,
    /// An identity became a separate user.
    Unlink,
    /// A link was undone.
    Undo,
    /// A user was blocked. Both sides of the entry name this user.
    Block,
    /// A user was unblocked.
    Unblock,
}

impl EntryKind {
    /// The name of the kind in JSON and in databases.
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

    /// Returns whether the entry separates accounts.
    #[must_use]
    pub fn separates_accounts(self) -> bool {
        matches!(self, Self::Unlink | Self::Undo)
    }
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The id of the entry.
    pub id: EntryId,
    /// The kind of the entry.
    pub kind: EntryKind,
    /// The time, by the clock.
    pub at: Timestamp,
    /// The position in the journal, after every earlier entry of its users.
    pub place: Moment,
    /// The user that stayed.
    pub primary: String,
    /// The user that became identities of the primary, or became a user again.
    pub secondary: String,
    /// The actor, and the evidence.
    #[serde(flatten, serialize_with = "serialize_arc")]
    pub provenance: Arc<Provenance>,
    /// The reasons. Their addresses are masked.
    #[serde(skip_serializing_if = "is_empty", serialize_with = "serialize_arc")]
    pub reasons: Arc<[Reason]>,
    /// The state of the change.
    pub state: EntryState,
    /// For an undo: the entry of the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<EntryId>,
    /// For a link: the undo, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone: Option<UndoneLink>,
    /// For a link: the data that it destroyed.
    pub kept: SnapshotState,
}

/// The undo of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoneLink {
    /// The entry of the undo.
    pub by: EntryId,
    /// The time of the undo.
    pub at: Timestamp,
}

/// The state of the data that a link destroyed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotState {
    /// The snapshot.
    Whole(Snapshot),
    /// The entry destroyed nothing.
    Nothing,
    /// The snapshot is encrypted with a key that this process lacks.
    Sealed {
        /// The key's id.
        key: String,
    },
    /// The snapshot was erased.
    Forgotten,
    /// The snapshot was not read. Lists leave it out.
    Unread,
}

/// The data that a link destroys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The secondary before the link.
    #[serde(serialize_with = "serialize_arc", deserialize_with = "deserialize_arc")]
    pub secondary: Arc<User>,
    /// The changes to the primary.
    pub touched: PrimaryChange,
    /// The secondary's roles and memberships at a tenant, by the ids that give them back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Box<Access>>,
}

/// The roles and memberships of a user at a tenant of Auth0, which its user object lacks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    /// The ids of the roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub role_ids: Vec<String>,
    /// The ids of the organizations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organization_ids: Vec<String>,
    /// The parts that could not be read, one sentence each. They are lost with the link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

fn is_empty(reasons: &Arc<[Reason]>) -> bool {
    reasons.is_empty()
}

fn serialize_arc<T: Serialize + ?Sized, S: Serializer>(
    value: &Arc<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

fn deserialize_arc<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<User>, D::Error> {
    User::deserialize(deserializer).map(Arc::new)
}

/// The changes of a link to its primary.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PrimaryChange {
    /// The time of its last change before the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The primary's count of logins before the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins_count: Option<u64>,
    /// Whether the link added `profileData` to its own identity.
    pub own_profile_added: bool,
    /// The change of `user_metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<MetadataChange>,
    /// The change of `app_metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_metadata: Option<MetadataChange>,
}

/// A change of metadata: the keys that differ, before and after.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetadataChange {
    /// Whether the metadata was absent before.
    pub was_absent: bool,
    /// The values before, of the keys that differ.
    pub before: Metadata,
    /// The values after, of the keys that differ.
    pub after: Metadata,
}

impl PrimaryChange {
    /// Derives the changes from the primary before and after the link.
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
    /// Creates an entry with a new id, without reasons and snapshot.
    pub(crate) fn new(
        kind: EntryKind,
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
            state: EntryState::Done,
            undoes: None,
            undone: None,
            kept: SnapshotState::Nothing,
        }
    }
}

/// A selection of snapshots to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotSelection {
    /// Snapshots from before a time.
    Before(Timestamp),
    /// Snapshots of entries that have this user on either side.
    User(String),
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
