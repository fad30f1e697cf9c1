//! The first reading of a file of users: which addresses and which ids occur more than once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::backfill_error::BackfillError;
use super::group::GroupId;
use super::progress::{Phase, Progress, refuse_if_stopped};
use crate::transfer::{Place, UserText, UsersFile, parse_user, read_user_texts};

/// The maximum number of users that are reported individually as left out.
const REPORTED: usize = 20;

/// The users of a file that a preview does not group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// The number of users in the file.
    pub users: u64,
    /// The number of users without an address.
    pub without_address: u64,
    /// The number of times that a user is there again, with the same data or other data.
    pub repeated: u64,
    /// The number of users that are left out: they cannot be read, or are there again with other data.
    pub left_out: u64,
    /// The first of these, with place and reason.
    pub reported: Vec<(String, String)>,
    /// The fields that policies read and that no user with an address has.
    pub missing: Vec<&'static str>,
}

/// The result of the first reading.
pub(super) struct FirstReading {
    /// For each user, in order: whether another one has the same address.
    pub(super) has_shared_address: Vec<bool>,
    pub(super) repeated: RepeatedIds,
    pub(super) counts: FileCounts,
}

/// The keys of a user, read without the rest.
#[derive(Default, Deserialize)]
pub(super) struct KeysOfUser<'a> {
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) email: Option<Cow<'a, str>>,
    #[serde(default)]
    identities: Option<IgnoredAny>,
    #[serde(default)]
    email_verified: Option<IgnoredAny>,
    #[serde(default)]
    created_at: Option<IgnoredAny>,
    #[serde(default)]
    last_login: Option<IgnoredAny>,
}

impl KeysOfUser<'_> {
    /// Returns the address, if there is one.
    pub(super) fn address(&self) -> Option<&str> {
        self.email.as_deref().filter(|email| !email.is_empty())
    }

    /// Returns whether it has each of the fields that policies read.
    fn fields(&self) -> [(&'static str, bool); 4] {
        [
            ("identities", self.identities.is_some()),
            ("email_verified", self.email_verified.is_some()),
            ("created_at", self.created_at.is_some()),
            ("last_login", self.last_login.is_some()),
        ]
    }
}

/// A hasher for numbers that are hashes already.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type Hashes = HashSet<u64, BuildHasherDefault<AlreadyHashed>>;

/// Returns the numbers that occur more than once.
fn find_repeated(mut numbers: Vec<u64>) -> Hashes {
    numbers.sort_unstable();
    numbers.windows(2).filter(|it| it[0] == it[1]).map(|it| it[0]).collect()
}

/// The ids that several users of a file have. The first user of an id counts, as in an import.
#[derive(Default)]
pub(super) struct RepeatedIds {
    /// Keyed, so that nobody can choose ids with one hash.
    hasher: RandomState,
    first: HashMap<u64, Option<FirstUser>, BuildHasherDefault<AlreadyHashed>>,
}

struct FirstUser {
    place: Place,
    content: u64,
}

/// A user in the order of the file, among those with its id.
pub(super) enum Occurrence {
    /// The user is the first one with its id, or the only one.
    First,
    /// The user is there again, with the same data.
    Same,
    /// The user is there again, with other data. Holds the reason for a report.
    Differs(String),
}

impl RepeatedIds {
    fn hash(&self, user_id: &str) -> u64 {
        self.hasher.hash_one(user_id)
    }

    /// Returns whether the file has each id once.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Notes the next user of the second reading.
    pub(super) fn note(&mut self, place: Place, json: &str, keys: &KeysOfUser<'_>) -> Occurrence {
        let Some(user_id) = &keys.user_id else { return Occurrence::First };
        let (id, content) = (self.hash(user_id), self.hash(json));
        match self.first.get_mut(&id) {
            None => Occurrence::First,
            Some(Some(first)) if first.content == content => Occurrence::Same,
            Some(Some(first)) => {
                let first = first.place;
                Occurrence::Differs(format!("the user {user_id} is already in {first} with other data"))
            }
            Some(first) => {
                *first = Some(FirstUser { place, content });
                Occurrence::First
            }
        }
    }
}

/// Reads a file for the first time.
pub(super) fn read_first(file: UsersFile, progress: &dyn Progress) -> Result<FirstReading, BackfillError> {
    progress.begin(Phase::ReadAddresses, file.length());
    let (mut addresses, mut ids, mut counts, mut cut) = (Vec::new(), Vec::new(), FileCounts::default(), None);
    let mut repeated = RepeatedIds::default();
    let mut missing = KeysOfUser::default().fields();
    read_user_texts(file, |text| {
        refuse_if_stopped(progress)?;
        counts.users += 1;
        let left_out = counts.left_out;
        let keys = counts.read_keys(&text).unwrap_or_default();
        cut = (counts.left_out > left_out && is_cut(&text)).then(|| text.describe_place());
        // The number of users without an address is 0; it is no hash in practice.
        addresses.push(keys.address().map_or(0, |address| GroupId::from_address(address).prefix()));
        if let Some(user_id) = &keys.user_id {
            ids.push(repeated.hash(user_id));
        }
        if keys.address().is_some() {
            for (field, (_, has_field)) in missing.iter_mut().zip(keys.fields()) {
                field.1 |= has_field;
            }
        }
        Ok::<_, BackfillError>(())
    })?;
    if let Some(place) = cut {
        return Err(BackfillError::Truncated(place));
    }
    if counts.left_out == counts.users {
        return Err(BackfillError::NoUsers(counts.reported.into_iter().next()));
    }
    repeated.first = find_repeated(ids).into_iter().map(|id| (id, None)).collect();
    let shared = find_repeated(addresses.clone());
    let has_shared_address = addresses.iter().map(|it| *it != 0 && shared.contains(it)).collect();
    if addresses.iter().any(|it| *it != 0) {
        counts.missing = missing.iter().filter(|(_, is_there)| !is_there).map(|(name, _)| *name).collect();
    }
    Ok(FirstReading { has_shared_address, repeated, counts })
}

/// Returns whether the JSON of a user ends in the middle.
fn is_cut(text: &UserText<'_>) -> bool {
    let parsed = text.json().map(serde_json::from_str::<IgnoredAny>);
    parsed.is_ok_and(|parsed| parsed.is_err_and(|error| error.is_eof()))
}

impl FileCounts {
    /// Reads the keys of a user. `None` if it cannot be read.
    fn read_keys<'t>(&mut self, text: &'t UserText<'_>) -> Option<KeysOfUser<'t>> {
        let json = text.json().map_err(str::to_owned);
        let read = json.and_then(|json| {
            let keys = serde_json::from_str::<KeysOfUser<'_>>(json).map_err(|_| match parse_user(json) {
                Ok(_) => "its address cannot be read".to_owned(),
                Err(why) => why,
            })?;
            // Any object has neither, such as a policy.
            if keys.user_id.is_none() && keys.address().is_none() {
                parse_user(json)?;
            }
            Ok(keys)
        });
        match read {
            Ok(keys) => {
                self.without_address += u64::from(keys.address().is_none());
                Some(keys)
            }
            Err(why) => {
                self.add_left_out(text.describe_place(), why);
                None
            }
        }
    }

    /// Counts a user that is there again.
    pub(super) fn add_repeated(&mut self, keys: &KeysOfUser<'_>) {
        self.users -= 1;
        self.repeated += 1;
        self.without_address -= u64::from(keys.address().is_none());
    }

    /// Counts a user that is left out.
    pub(super) fn add_left_out(&mut self, place: String, why: String) {
        self.left_out += 1;
        if self.reported.len() < REPORTED {
            self.reported.push((place, why));
        }
    }
}
