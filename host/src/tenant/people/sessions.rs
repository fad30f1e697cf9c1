//! Browsers: who is logged in to the tenant in one, and which one a login page
//! was shown to.

use axum::http::HeaderMap;
use axum_extra::extract::cookie::{Cookie, Key, SameSite, SignedCookieJar};

use crate::tenant::logins::log_in::Proved;
use crate::tenant::people::per_owner::{Owned, PerOwner};
use crate::tenant::people::random;
use crate::tenant::people::weighed::Weighed;
use crate::tenant::server::state_dir::{StateDir, StateError};
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::Tenant;

/// Somebody who is logged in to the tenant in a browser.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    /// Its id in tokens: not the one in the cookie, which is as good as a
    /// password.
    pub(crate) sid: String,
    /// Who, how and when.
    pub(crate) proved: Proved,
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

/// Sessions of one identity. Beyond, the oldest ends.
const MOST: usize = 200;

/// The sessions, and the key that signs the cookies they hang on.
pub(crate) struct Sessions {
    key: Key,
    kept: PerOwner<Session>,
    lifetime_s: u64,
}

impl Sessions {
    pub(crate) fn open(state: &StateDir, lifetime_s: u64) -> Result<Self, StateError> {
        let text = state.read_or_make("cookie.key", || [random::secret(), random::secret()].concat())?;
        let key = Key::try_from(text.trim().as_bytes())
            .map_err(|_| state.unusable("cookie.key", "it is too short; remove it to have a new one made"))?;
        Ok(Self { key, kept: PerOwner::new(MOST, lifetime_s), lifetime_s })
    }

    /// The sessions of an identity, the oldest first.
    pub(crate) fn of(&self, identity: &str) -> Vec<Session> {
        self.kept.of(identity).into_iter().map(|(_, session)| session).collect()
    }

    /// Ends all that an identity has. Returns how many that were.
    pub(crate) fn end_of(&self, identity: &str) -> usize {
        self.kept.end_of(identity)
    }
}

/// The cookies of one request, and of its answer.
pub(crate) struct Browser {
    jar: SignedCookieJar,
    is_https: bool,
}

impl Browser {
    pub(crate) fn of(tenant: &Tenant, issuer: &Issuer, headers: &HeaderMap) -> Self {
        Self {
            jar: SignedCookieJar::from_headers(headers, tenant.people.sessions.key.clone()),
            is_https: issuer.is_https(),
        }
    }

    /// One name for each scheme: a page of http must not write over what https
    /// has set, and could not set it.
    fn name(&self, what: &str) -> String {
        // Prefixed, browsers take it from this very host only.
        if self.is_https { format!("__Host-ligature-{what}") } else { format!("ligature-{what}") }
    }

    fn read(&self, what: &str) -> Option<String> {
        let name = self.name(what);
        let cookie = self.jar.get(&name)?;
        cookie.value().strip_prefix(&name)?.strip_prefix('=').map(str::to_owned)
    }

    fn write(&mut self, what: &str, value: String, lifetime_s: Option<u64>) {
        // The name is signed, too: what one cookie says is not taken of another.
        let name = self.name(what);
        let value = format!("{name}={value}");
        let mut cookie = Cookie::build((name, value)).path("/").http_only(true);
        cookie = if self.is_https {
            // An application on another site asks from within an iframe.
            cookie.secure(true).same_site(SameSite::None)
        } else {
            cookie.same_site(SameSite::Lax)
        };
        if let Some(seconds) = lifetime_s.and_then(|it| i64::try_from(it).ok()) {
            cookie = cookie.max_age(time::Duration::seconds(seconds));
        }
        self.jar = self.jar.clone().add(cookie);
    }

    /// Who is logged in.
    pub(crate) fn session(&self, tenant: &Tenant) -> Option<Session> {
        tenant.people.sessions.kept.get(&self.read("session")?)
    }

    /// Begins a session, in place of the one there was: never under a name that
    /// the browser brought along.
    pub(crate) fn begin_session(&mut self, tenant: &Tenant, proved: &Proved) -> Session {
        self.forget_session(tenant);
        let session = Session { sid: random::secret(), proved: proved.remembered() };
        let name = random::secret();
        tenant.people.sessions.kept.put(&name, session.clone());
        self.write("session", name, Some(tenant.people.sessions.lifetime_s));
        session
    }

    /// Ends the session.
    pub(crate) fn end_session(&mut self, tenant: &Tenant) {
        self.forget_session(tenant);
        let mut gone = Cookie::build((self.name("session"), "")).path("/").build();
        gone.set_secure(self.is_https);
        self.jar = self.jar.clone().remove(gone);
    }

    fn forget_session(&self, tenant: &Tenant) {
        if let Some(name) = self.read("session") {
            tenant.people.sessions.kept.end(&name);
        }
    }

    /// What tells this browser from others, where it has brought it along.
    pub(crate) fn known_id(&self) -> Option<String> {
        self.read("browser")
    }

    /// What tells this browser from others: login pages and tickets are good in
    /// the one that asked for them.
    pub(crate) fn id(&mut self) -> String {
        self.read("browser").unwrap_or_else(|| {
            let id = random::secret();
            self.write("browser", id.clone(), None);
            id
        })
    }

    /// The cookies to be set.
    pub(crate) fn into_cookies(self) -> SignedCookieJar {
        self.jar
    }
}
