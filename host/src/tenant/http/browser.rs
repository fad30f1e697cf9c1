//! Browsers: the cookies that carry a session, and that tell one browser from
//! another.

use axum::http::HeaderMap;
use axum_extra::extract::cookie::{Cookie, SameSite, SignedCookieJar};

use crate::ambient::Ambient;
use crate::tenant::http::visit::Visit;
use crate::tenant::people::proved::Proved;
use crate::tenant::people::sessions::{Session, Sessions};
use crate::tenant::signing::issuer::Issuer;

/// The cookies of one request and of its response.
pub(crate) struct Browser {
    jar: SignedCookieJar,
    is_https: bool,
    ambient: Ambient,
}

impl Browser {
    /// Reads the cookies of a request.
    pub(crate) fn of(sessions: &Sessions, issuer: &Issuer, headers: &HeaderMap) -> Self {
        Self {
            jar: SignedCookieJar::from_headers(headers, sessions.cookie_key()),
            is_https: issuer.is_https(),
            ambient: sessions.ambient().clone(),
        }
    }

    /// Reads the cookies of a visit.
    pub(crate) fn from_visit<P>(visit: &Visit<P>) -> Self {
        Self::of(&visit.tenant.people.sessions, &visit.issuer, &visit.headers)
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

    /// Returns the session that the browser has.
    pub(crate) fn session(&self, sessions: &Sessions) -> Option<Session> {
        sessions.get(&self.read("session")?)
    }

    /// Begins a session, in place of the one there was: never under a name that
    /// the browser brought along.
    pub(crate) fn begin_session(&mut self, sessions: &Sessions, proved: &Proved) -> Session {
        self.forget_session(sessions);
        let (name, session) = sessions.begin(proved);
        self.write("session", name, Some(sessions.lifetime_s()));
        session
    }

    /// Ends the session, and removes its cookie.
    pub(crate) fn end_session(&mut self, sessions: &Sessions) {
        self.forget_session(sessions);
        let mut gone = Cookie::build((self.name("session"), "")).path("/").build();
        gone.set_secure(self.is_https);
        self.jar = self.jar.clone().remove(gone);
    }

    fn forget_session(&self, sessions: &Sessions) {
        if let Some(name) = self.read("session") {
            sessions.end(&name);
        }
    }

    /// Returns the id of this browser, if it sent one.
    pub(crate) fn known_id(&self) -> Option<String> {
        self.read("browser")
    }

    /// Returns the id of this browser; sets one if it sent none. Login pages and
    /// tickets are valid only in the browser that requested them.
    pub(crate) fn id(&mut self) -> String {
        self.read("browser").unwrap_or_else(|| {
            let id = self.ambient.random().secret();
            self.write("browser", id.clone(), None);
            id
        })
    }

    /// Returns the cookies to set.
    pub(crate) fn into_cookies(self) -> SignedCookieJar {
        self.jar
    }
}
