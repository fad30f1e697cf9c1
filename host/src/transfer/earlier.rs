//! Users that stood earlier in a file, for who comes twice.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::place::Place;
use crate::directory::Refusal;
use crate::model::mask_addresses;

/// Users that are remembered: some 40 MB. Of later ones it is not told where they
/// stood first.
const REMEMBERED: usize = 1 << 20;

/// Where users stood.
#[derive(Default)]
pub(super) struct Earlier {
    hasher: RandomState,
    /// By the hash of the user's id, which nobody can choose.
    places: HashMap<u64, Place>,
}

impl Earlier {
    pub(super) fn note(&mut self, user_id: &str, place: Place) {
        if self.places.len() < REMEMBERED {
            self.places.entry(self.hasher.hash_one(user_id)).or_insert(place);
        }
    }

    fn place(&self, user_id: &str) -> Option<&Place> {
        self.places.get(&self.hasher.hash_one(user_id))
    }

    /// The words for a refusal: an id that was made up tells nobody anything, and a
    /// user of the same file stands somewhere in it.
    pub(super) fn words(&self, refusal: &Refusal, id_made_of: Option<&str>) -> String {
        match (refusal, id_made_of) {
            (Refusal::Differs(id), made_of) => {
                let place = self.place(id);
                match (made_of.map(mask_addresses), place) {
                    (Some(address), Some(place)) => format!("{address} stands in {place} already"),
                    (Some(address), None) => {
                        format!("the user with {address} is there already, otherwise; --replace replaces it")
                    }
                    (None, Some(place)) => format!("the user {id} stands in {place} already, otherwise"),
                    (None, None) => refusal.to_string(),
                }
            }
            (Refusal::LoginTaken { by, connection, login }, _) => match self.place(by) {
                Some(place) => {
                    format!("{place} already has {login} in the database `{connection}`")
                }
                None => refusal.to_string(),
            },
            (Refusal::Unfit(why), _) => why.clone(),
        }
    }
}
