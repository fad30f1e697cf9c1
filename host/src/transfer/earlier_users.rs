//! The users seen earlier in a file, to report duplicates.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::place::Place;
use crate::directory::ImportRefusal;
use crate::model::mask_addresses;

/// The maximum of remembered users, which take some 40 MB. For later users, the position of
/// the first occurrence is not reported.
const REMEMBERED: usize = 1 << 20;

/// The positions of the users seen so far.
#[derive(Default)]
pub(super) struct EarlierUsers {
    hasher: RandomState,
    /// Positions by a keyed hash of the user's id, so that collisions cannot be forced.
    places: HashMap<u64, Place>,
}

impl EarlierUsers {
    /// Remembers the first position of a user.
    pub(super) fn note(&mut self, user_id: &str, place: Place) {
        if self.places.len() < REMEMBERED {
            self.places.entry(self.hasher.hash_one(user_id)).or_insert(place);
        }
    }

    /// Returns the first position of a user.
    fn place(&self, user_id: &str) -> Option<&Place> {
        self.places.get(&self.hasher.hash_one(user_id))
    }

    /// Describes a refusal. A derived id is replaced by the value it was derived from, and a
    /// user of the same file by its position.
    pub(super) fn describe(&self, refusal: &ImportRefusal, id_source: Option<&str>) -> String {
        match (refusal, id_source) {
            (ImportRefusal::Differs(id), made_of) => {
                let place = self.place(id);
                match (made_of.map(mask_addresses), place) {
                    (Some(address), Some(place)) => format!("{address} is already in {place}"),
                    (Some(address), None) => {
                        format!(
                            "the user with {address} is already there with other data; --replace replaces it"
                        )
                    }
                    (None, Some(place)) => format!("the user {id} is already in {place} with other data"),
                    (None, None) => refusal.to_string(),
                }
            }
            (ImportRefusal::LoginTaken { by, connection, login }, _) => match self.place(by) {
                Some(place) => {
                    format!("{place} already has {login} in the database `{connection}`")
                }
                None => refusal.to_string(),
            },
            (ImportRefusal::Unfit(why), _) => why.clone(),
        }
    }
}
