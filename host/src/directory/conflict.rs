//! Conflicts between accounts that wait for a person.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::decision::DecisionId;
use crate::model::{ApiError, Timestamp, mask_addresses};

/// The most bytes of the ids of a conflict's users.
const USER_IDS: usize = 1 << 10;
/// The most characters of a note.
pub const CONFLICT_NOTE: usize = 500;
/// The most characters of a name in a settlement: that of an operator of the console may have 255.
const NAME: usize = 255;

/// The key of a conflict: a hash of its code and of the ids of its users.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConflictKey(String);

/// The hexadecimal digits of a key.
const KEY: usize = 32;

impl ConflictKey {
    /// Returns the key of a conflict. `user_ids` are sorted.
    pub(super) fn of(code: &str, user_ids: &[String]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(code).chain(user_ids.iter().map(String::as_str)) {
            // The lengths keep two different lists from having the same bytes.
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().iter().take(KEY / 2).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key before every other one.
    pub(super) fn least() -> Self {
        Self(String::new())
    }

    /// The key as text, which fits a path of a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConflictKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ConflictKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == KEY && text.bytes().all(is_digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("`{text}` is not the key of a conflict; `ligature conflicts list` prints them"))
    }
}

/// A contradiction between accounts, which the reasons of decisions have reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The key.
    pub key: ConflictKey,
    /// The code of the reason.
    pub code: String,
    /// The ids of its users, sorted.
    pub user_ids: Vec<String>,
    /// The time of the first login that reported it.
    pub first_at: Timestamp,
    /// The time of the last login that reported it.
    pub last_at: Timestamp,
    /// The number of decisions that reported it.
    pub times: u64,
    /// The last decision that reported it. It may be forgotten by now.
    pub latest: DecisionId,
    /// The settlement. None while the conflict waits for a person, also if it happened again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

/// The settlement of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// The time.
    pub at: Timestamp,
    /// The name of the person.
    pub by: String,
    /// The person's note. May be empty.
    pub note: String,
}

impl Settled {
    /// Creates a settlement with a note, in which addresses are masked. The mask of a short address is
    /// longer than the address: the end of a note that becomes too long is cut.
    ///
    /// # Errors
    ///
    /// If the note is longer than [`CONFLICT_NOTE`].
    pub fn with_note(at: Timestamp, by: String, note: &str) -> Result<Self, ApiError> {
        if note.chars().count() > CONFLICT_NOTE {
            return Err(ApiError::Invalid(format!("the note is longer than {CONFLICT_NOTE} characters")));
        }
        Ok(Self { at, by, note: mask_addresses(note).chars().take(CONFLICT_NOTE).collect() })
    }

    /// Checks the lengths.
    pub(super) fn validate(&self) -> Result<(), ApiError> {
        for (what, text, most) in [("note", &self.note, CONFLICT_NOTE), ("name", &self.by, NAME)] {
            if text.chars().count() > most {
                return Err(ApiError::Invalid(format!("the {what} is longer than {most} characters")));
            }
            // Databases refuse it.
            if text.contains('\0') {
                return Err(ApiError::Invalid(format!("the {what} contains the character NUL")));
            }
        }
        Ok(())
    }
}

impl Conflict {
    /// The time by which lists are sorted: the settlement, or else the first login.
    pub(super) fn listed_at(&self) -> Timestamp {
        self.settled.as_ref().map_or(self.first_at, |settled| settled.at)
    }
}

/// Returns as many users as fit a conflict.
pub(super) fn cut_users(mut user_ids: Vec<String>) -> Vec<String> {
    let mut bytes = 0;
    user_ids.retain(|id| {
        bytes += id.len();
        bytes <= USER_IDS
    });
    user_ids
}

/// A query for conflicts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConflictQuery {
    /// Whether to return settled conflicts, the last settled one first. Otherwise those that wait, the
    /// oldest first.
    pub settled: bool,
    /// Conflicts after this one in that order, for the next page.
    pub after: Option<ConflictKey>,
    /// The most conflicts to return.
    pub limit: usize,
}

/// The part of a query that a storage evaluates.
#[derive(Debug, Clone)]
pub(super) struct ConflictFilter<'a> {
    pub(super) settled: bool,
    pub(super) after: Option<(Timestamp, &'a ConflictKey)>,
    pub(super) limit: usize,
}

impl ConflictFilter<'_> {
    /// Returns whether a conflict matches.
    pub(super) fn matches(&self, conflict: &Conflict) -> bool {
        let place = (conflict.listed_at(), &conflict.key);
        conflict.settled.is_some() == self.settled
            && self.after.is_none_or(|after| if self.settled { place < after } else { place > after })
    }

    /// Sorts conflicts that match, and cuts them to the limit.
    pub(super) fn sort(&self, found: &mut Vec<Conflict>) {
        found.sort_by(|a, b| (a.listed_at(), &a.key).cmp(&(b.listed_at(), &b.key)));
        if self.settled {
            found.reverse();
        }
        found.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::{CONFLICT_NOTE, ConflictKey, Settled, USER_IDS, cut_users};

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|&id| id.to_owned()).collect()
    }

    #[test]
    fn a_key_depends_on_the_code_and_on_each_user() {
        let key = ConflictKey::of("A", &ids(&["auth0|1", "auth0|2"]));
        assert_eq!(key.as_str().parse(), Ok(key.clone()));
        for (code, users) in [
            ("B", &["auth0|1", "auth0|2"][..]),
            ("A", &["auth0|1"]),
            ("A", &["auth0|1auth0|2"]),
            ("Aauth0|1", &["auth0|2"]),
        ] {
            assert_ne!(ConflictKey::of(code, &ids(users)), key, "{code} {users:?}");
        }
    }

    #[test]
    fn a_key_is_in_hexadecimal() {
        for wrong in ["", "0", "../../../../../../../../../..///", &"A".repeat(32), &"0".repeat(33)] {
            assert!(wrong.parse::<ConflictKey>().unwrap_err().contains("conflicts list"), "{wrong}");
        }
    }

    #[test]
    fn a_note_is_masked_and_not_longer_than_it_may_be() {
        let at = "2026-11-26T10:00:00Z".parse().unwrap();
        let settled = |note: &str| Settled::with_note(at, "grace".to_owned(), note);
        // Each mask is longer than its address.
        for (note, masked) in [
            ("a@x.de ".repeat(71) + "end", "a…@x.de ".repeat(62) + "a…@x"),
            ("é".repeat(CONFLICT_NOTE), "é".repeat(CONFLICT_NOTE)),
            ("two people: ada@mail.de".to_owned(), "two people: a…@mail.de".to_owned()),
            (String::new(), String::new()),
        ] {
            let settled = settled(&note).unwrap();
            assert_eq!(settled.note, masked);
            assert_eq!(settled.validate(), Ok(()));
        }
        let why = settled(&"é".repeat(CONFLICT_NOTE + 1)).unwrap_err().to_string();
        assert!(why.contains("longer than 500 characters"), "{why}");
    }

    #[test]
    fn the_ids_of_a_conflict_are_bounded() {
        let many: Vec<String> = (0..1_000).map(|n| format!("auth0|{n:06}")).collect();
        let cut = cut_users(many);
        assert!(cut.len() > 1 && cut.concat().len() <= USER_IDS);
    }
}
