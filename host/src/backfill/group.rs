//! Groups of accounts with one address.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::model::User;

/// The id of a group: the beginning of the SHA-256 of its address in lower case. It is the same
/// for every source of the users.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId([u8; 16]);

impl GroupId {
    /// Returns the id of the group of an address. The case of ASCII letters does not matter, as in
    /// a look-up of a directory.
    #[must_use]
    pub fn from_address(address: &str) -> Self {
        let mut hash = Sha256::new();
        let mut lower = [0; 64];
        for part in address.as_bytes().chunks(lower.len()) {
            let lower = &mut lower[..part.len()];
            lower.copy_from_slice(part);
            lower.make_ascii_lowercase();
            hash.update(lower);
        }
        let digest = hash.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// Returns the first eight bytes as a number. Ids have the order of these numbers, apart from
    /// equal ones.
    pub(super) fn prefix(self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(first)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for GroupId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 16];
        let pairs = text.as_bytes().chunks(2);
        let read = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let is_hexadecimal = text.len() == 32 && text.bytes().all(|it| it.is_ascii_hexdigit());
        if !is_hexadecimal {
            return Err(format!("`{text}` is not the id of a group: 32 hexadecimal digits"));
        }
        for (byte, pair) in id.iter_mut().zip(pairs) {
            *byte = read(pair).unwrap_or_default();
        }
        Ok(Self(id))
    }
}

impl Serialize for GroupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GroupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The accounts that have one address, at least two.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The id.
    pub id: GroupId,
    /// The accounts, the oldest first.
    pub users: Vec<User>,
}

impl Group {
    /// Creates the group of these accounts. `None` if there are fewer than two. Of several accounts
    /// with one id the last one counts.
    pub(super) fn new(id: GroupId, users: Vec<User>) -> Option<Self> {
        let mut unique: Vec<User> = Vec::with_capacity(users.len());
        for user in users {
            match unique.iter_mut().find(|known| known.user_id == user.user_id) {
                Some(known) => *known = user,
                None => unique.push(user),
            }
        }
        unique.sort_by(|a, b| (a.created_at, &a.user_id).cmp(&(b.created_at, &b.user_id)));
        (unique.len() > 1).then_some(Self { id, users: unique })
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, GroupId};
    use crate::model::{Timestamp, User};

    fn user(id: &str, created: Option<&str>) -> User {
        let created_at: Option<Timestamp> = created.map(|it| it.parse().unwrap());
        User { user_id: id.to_owned(), created_at, ..User::default() }
    }

    #[test]
    fn an_id_is_of_an_address_in_any_case_and_survives_text() {
        let id = GroupId::from_address("Ada@Example.com");
        assert_eq!(id, GroupId::from_address("ada@example.COM"));
        assert_ne!(id, GroupId::from_address("ada@example.org"));
        // Unicode letters keep their case, as in a look-up.
        assert_ne!(GroupId::from_address("É@example.com"), GroupId::from_address("é@example.com"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(format!("{:016x}", id.prefix()), id.to_string()[..16]);
        let long = "x".repeat(200) + "@example.com";
        assert_eq!(GroupId::from_address(&long), GroupId::from_address(&long.to_uppercase()));
        for bad in ["", "00", &"g".repeat(32), &"0".repeat(33), "éééééééééééééééé"] {
            assert!(bad.parse::<GroupId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_group_has_each_account_once_and_the_oldest_first() {
        let id = GroupId::from_address("ada@example.com");
        let of = |users: Vec<User>| Group::new(id, users);
        assert_eq!(of(vec![user("auth0|1", None)]), None);
        assert_eq!(of(vec![user("auth0|1", None), user("auth0|1", Some("2026-01-01T00:00:00Z"))]), None);
        let group = of(vec![
            user("auth0|2", Some("2026-01-02T00:00:00Z")),
            user("auth0|3", Some("2026-01-01T00:00:00Z")),
            user("auth0|1", Some("2026-01-02T00:00:00Z")),
            user("auth0|4", None),
        ]);
        let ids: Vec<String> = group.unwrap().users.into_iter().map(|it| it.user_id).collect();
        assert_eq!(ids, ["auth0|4", "auth0|3", "auth0|1", "auth0|2"]);
    }
}
