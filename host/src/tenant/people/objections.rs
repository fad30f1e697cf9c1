//! Objections: the links in notices by which the owner of an account says "this was not me".
//!
//! A link carries its objection sealed, so that it works after a restart, and so that no change fills
//! a store.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::ambient::Ambient;
use crate::directory::EntryId;
use crate::model::Timestamp;
use crate::service::sealing::{Purpose, open, seal};
use crate::tenant::people::sessions::CookieKey;
use crate::tenant::store::spent_names::SpentNames;

/// The lifetime of an objection, in seconds.
pub(crate) const OBJECTION_S: u64 = 7 * 86_400;
/// The most bytes of the identities' ids in a link, which has to fit into an address.
const MOST_MOVED: usize = 2_000;
/// The purpose of the sealed objection.
const OBJECTION: Purpose = Purpose::new("ligature sealed objection v1");
/// The purpose of the derived key.
const KEY: &[u8] = b"ligature objections v1";

/// A change to which the owner of an account may object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Objection {
    /// The id of the account whose owner may object.
    pub(crate) account: String,
    pub(crate) change: ContestedChange,
}

/// A change of accounts, by what is needed to object to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum ContestedChange {
    /// Two accounts were linked.
    Link {
        /// The entry of the link.
        link: EntryId,
        /// The id of the account that stayed.
        kept: String,
        /// The ids of the identities that moved to it, the main one first.
        moved: Vec<String>,
    },
    /// Identities have left an account. An objection ends logins, and links nothing.
    Separation,
}

/// An objection as a link carries it.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// The random name of the link.
    name: String,
    /// The end of its validity.
    until: Timestamp,
    objection: Objection,
}

/// The objections of all accounts.
pub(crate) struct Objections {
    key: hmac::Key,
    spent: Arc<SpentNames>,
    ambient: Ambient,
}

impl Objections {
    /// Creates the objections, whose key is derived from that of the cookies. `spent` has the names
    /// of the links that were used, for at least their lifetime.
    pub(crate) fn new(cookie_key: &CookieKey, spent: Arc<SpentNames>, ambient: &Ambient) -> Self {
        Self { key: cookie_key.derive(KEY), spent, ambient: ambient.clone() }
    }

    /// Returns the token of an objection. Identities that do not fit into it are left out.
    pub(crate) fn issue(&self, objection: &Objection) -> Option<String> {
        let mut objection = objection.clone();
        if let ContestedChange::Link { moved, .. } = &mut objection.change {
            let mut left = MOST_MOVED;
            moved.retain(|id| {
                let fits = id.len() <= left;
                left -= if fits { id.len() } else { left };
                fits
            });
        }
        let until = self.ambient.now().as_millis().saturating_add(OBJECTION_S * 1000);
        let until = Timestamp::from_millis(until)?;
        let sealed = Sealed { name: self.ambient.random().secret(), until, objection };
        seal(&self.key, OBJECTION, &sealed, self.ambient.random())
    }

    /// Returns the objection of a token that is valid and was not used.
    pub(crate) fn get(&self, token: &str) -> Option<Objection> {
        self.open(token).filter(|it| !self.spent.contains(&it.name)).map(|it| it.objection)
    }

    /// Passes the objection of a token to `on`; only the first caller gets it. If that fails, because
    /// the directory does not answer, the token can be used again.
    pub(crate) fn spend<R, E>(
        &self,
        token: &str,
        on: impl FnOnce(&Objection) -> Result<R, E>,
    ) -> Option<Result<R, E>> {
        let sealed = self.open(token)?;
        self.spent.spend(&sealed.name, sealed.until, || on(&sealed.objection))
    }

    fn open(&self, token: &str) -> Option<Sealed> {
        let (sealed, _) = open::<Sealed>(std::slice::from_ref(&self.key), OBJECTION, token)?;
        (self.ambient.now() < sealed.until).then_some(sealed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{ContestedChange, OBJECTION_S, Objection, Objections};
    use crate::ambient::Ambient;
    use crate::clock::ManualClock;
    use crate::random::SeededRandom;
    use crate::tenant::people::sessions::CookieKey;
    use crate::tenant::store::spent_names::SpentNames;
    use crate::tenant::store::state_dir::StateDir;

    fn open(state: &StateDir, ambient: &Ambient) -> Objections {
        let spent = Arc::new(SpentNames::open(state, "objections", ambient).unwrap());
        Objections::new(&CookieKey::open(state, ambient).unwrap(), spent, ambient)
    }

    fn objection() -> Objection {
        Objection { account: "auth0|ada".to_owned(), change: ContestedChange::Separation }
    }

    #[test]
    fn a_token_outlives_the_process_and_is_used_once() {
        let folder = tempfile::tempdir().unwrap();
        let ambient = Ambient::system();
        let token = {
            let state = StateDir::open(folder.path()).unwrap();
            open(&state, &ambient).issue(&objection()).unwrap()
        };
        {
            let state = StateDir::open(folder.path()).unwrap();
            let objections = open(&state, &ambient);
            assert_eq!(objections.get(&token), Some(objection()));
            assert_eq!(objections.spend(&token, |_| Err::<(), _>("unavailable")), Some(Err("unavailable")));
            assert_eq!(objections.spend(&token, |it| Ok::<_, ()>(it.clone())), Some(Ok(objection())));
            assert_eq!(objections.get(&token), None);
        }
        let state = StateDir::open(folder.path()).unwrap();
        assert_eq!(open(&state, &ambient).spend(&token, |_| Ok::<_, ()>(())), None);
    }

    #[test]
    fn a_token_is_valid_for_seven_days_and_by_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let clock = Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().unwrap()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let objections = open(&state, &ambient);
        let token = objections.issue(&objection()).unwrap();
        clock.advance(Duration::from_millis(OBJECTION_S * 1000 - 1));
        assert_eq!(objections.get(&token), Some(objection()));
        for bad in ["", "x", &token[1..], &format!("{token}A")] {
            assert_eq!(objections.get(bad), None, "{bad}");
        }
        let other = tempfile::tempdir().unwrap();
        let other = StateDir::open(other.path()).unwrap();
        assert_eq!(open(&other, &ambient).get(&token), None);
        clock.advance(Duration::from_millis(1));
        assert_eq!(objections.get(&token), None);
        assert_eq!(objections.spend(&token, |_| Ok::<_, ()>(())), None);
    }

    #[test]
    fn a_token_fits_into_an_address_whatever_was_linked() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let ambient = Ambient::system();
        let objections = open(&state, &ambient);
        let moved = (0..100).map(|n| format!("samlp|{}{n}", "x".repeat(300))).collect();
        let link = "0192f0c1-2222-4333-8444-555566667777".parse().unwrap();
        let change = ContestedChange::Link { link, kept: "auth0|ada".to_owned(), moved };
        let token = objections.issue(&Objection { account: "auth0|ada".to_owned(), change }).unwrap();
        assert!(token.len() < 4_000, "{}", token.len());
        let Some(ContestedChange::Link { moved, .. }) = objections.get(&token).map(|it| it.change) else {
            panic!("a link")
        };
        assert_eq!(moved.len(), 6);
    }
}
