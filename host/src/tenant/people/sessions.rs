//! Sessions: logins of browsers at the tenant.

use aws_lc_rs::hmac;
use axum_extra::extract::cookie::Key;

use crate::ambient::Ambient;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::store::per_owner::{Owned, PerOwner};
use crate::tenant::store::state_dir::{StateDir, StateError};
use crate::tenant::store::weight::Weighed;

/// The session of one browser.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    /// The session ID in tokens. It differs from the name in the cookie, which is a bearer secret.
    pub(crate) sid: String,
    /// The identity, with the method and the time of its proof.
    pub(crate) proved: ProvedIdentity,
}

impl Weighed for Session {
    fn bytes(&self) -> usize {
        self.sid.len() + self.proved.bytes()
    }
}

impl Owned for Session {
    fn owner(&self) -> &str {
        &self.proved.user.user_id
    }
}

/// The maximum number of sessions per identity. Beyond it, the oldest ends.
const MOST: usize = 200;

/// The key that signs cookies.
pub(crate) struct CookieKey(Key);

impl CookieKey {
    /// Reads the key from the state folder. The first start creates it.
    pub(crate) fn open(state: &StateDir, ambient: &Ambient) -> Result<Self, StateError> {
        let random = ambient.random();
        let text = state.read_or_make("cookie.key", || [random.secret(), random.secret()].concat())?;
        let key = Key::try_from(text.trim().as_bytes()).map_err(|_| {
            state.unusable_file("cookie.key", "it is too short; remove it to have a new one made")
        })?;
        Ok(Self(key))
    }

    /// Derives a key for another purpose.
    pub(super) fn derive(&self, purpose: &[u8]) -> hmac::Key {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.0.signing()), purpose);
        hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
    }
}

/// The sessions, and the key that signs their cookies.
pub(crate) struct Sessions {
    key: Key,
    kept: PerOwner<Session>,
    lifetime_s: u64,
    ambient: Ambient,
}

impl Sessions {
    /// Creates an empty store.
    pub(crate) fn new(key: &CookieKey, lifetime_s: u64, ambient: &Ambient) -> Self {
        let kept = PerOwner::new(MOST, lifetime_s, ambient);
        Self { key: key.0.clone(), kept, lifetime_s, ambient: ambient.clone() }
    }

    /// Returns the key that signs cookies.
    pub(crate) fn cookie_key(&self) -> Key {
        self.key.clone()
    }

    /// Returns the clock and the source of randomness, for the IDs of browsers.
    pub(crate) fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// Returns the lifetime of a session, in seconds.
    pub(crate) fn lifetime_s(&self) -> u64 {
        self.lifetime_s
    }

    /// Begins a session. Returns its name, which is a bearer secret, and the session.
    pub(crate) fn begin(&self, proved: &ProvedIdentity) -> (String, Session) {
        let random = self.ambient.random();
        let session = Session { sid: random.secret(), proved: proved.without_attributes() };
        let name = random.secret();
        self.kept.put(&name, session.clone());
        (name, session)
    }

    /// Returns the session with this name.
    pub(crate) fn get(&self, name: &str) -> Option<Session> {
        self.kept.get(name)
    }

    /// Ends the session with this name.
    pub(crate) fn end(&self, name: &str) {
        self.kept.remove(name);
    }

    /// Returns the sessions of an identity, the oldest first.
    pub(crate) fn list_by_identity(&self, identity: &str) -> Vec<Session> {
        self.kept.list_by_owner(identity).into_iter().map(|(_, session)| session).collect()
    }

    /// Ends all sessions of an identity. Returns their number.
    pub(crate) fn end_by_identity(&self, identity: &str) -> usize {
        self.kept.remove_by_owner(identity)
    }
}
