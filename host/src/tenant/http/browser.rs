//! Browsers: the cookies that carry a session and that identify the browser.

use axum::http::HeaderMap;
use axum_extra::extract::cookie::{Cookie, SameSite, SignedCookieJar};

use crate::ambient::Ambient;
use crate::tenant::http::visit::Visit;
use crate::tenant::people::proved_identity::ProvedIdentity;
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
    pub(crate) fn from_headers(sessions: &Sessions, issuer: &Issuer, headers: &HeaderMap) -> Self {
        Self {
            jar: SignedCookieJar::from_headers(headers, sessions.cookie_key()),
            is_https: issuer.is_https(),
            ambient: sessions.ambient().clone(),
        }
    }

    /// Reads the cookies of a visit.
    pub(crate) fn from_visit<P>(visit: &Visit<P>) -> Self {
        Self::from_headers(&visit.tenant.people.sessions, &visit.issuer, &visit.headers)
    }

    /// Returns the name of a cookie. Each scheme has its own name: an HTTP page must not overwrite
    /// an HTTPS cookie, and browsers would not let it.
    fn cookie_name(&self, what: &str) -> String {
        // Browsers accept a cookie with this prefix only from the host itself.
        if self.is_https { format!("__Host-ligature-{what}") } else { format!("ligature-{what}") }
    }

    fn read_cookie(&self, what: &str) -> Option<String> {
        let name = self.cookie_name(what);
        let cookie = self.jar.get(&name)?;
        cookie.value().strip_prefix(&name)?.strip_prefix('=').map(str::to_owned)
    }

    fn write(&mut self, what: &str, value: String, lifetime_s: Option<u64>) {
        // The signature covers the name, too, so that the value of one cookie is not accepted in
        // another.
        let name = self.cookie_name(what);
        let value = format!("{name}={value}");
        let mut cookie = Cookie::build((name, value)).path("/").http_only(true);
        cookie = if self.is_https {
            // An application on another site may call the tenant from within an iframe.
            cookie.secure(true).same_site(SameSite::None)
        } else {
            cookie.same_site(SameSite::Lax)
        };
        if let Some(seconds) = lifetime_s.and_then(|it| i64::try_from(it).ok()) {
            cookie = cookie.max_age(time::Duration::seconds(seconds));
        }
        self.jar = self.jar.clone().add(cookie);
    }

    /// Returns the browser's session.
    pub(crate) fn session(&self, sessions: &Sessions) -> Option<Session> {
        sessions.get(&self.read_cookie("session")?)
    }

    /// Begins a new session, which replaces the present one. Its name is always new: a name that
    /// the browser sent is never reused, to prevent session fixation.
    pub(crate) fn begin_session(&mut self, sessions: &Sessions, proved: &ProvedIdentity) -> Session {
        self.forget_session(sessions);
        let (name, session) = sessions.begin(proved);
        self.write("session", name, Some(sessions.lifetime_s()));
        session
    }

    /// Ends the session, and removes its cookie.
    pub(crate) fn end_session(&mut self, sessions: &Sessions) {
        self.forget_session(sessions);
        let mut gone = Cookie::build((self.cookie_name("session"), "")).path("/").build();
        gone.set_secure(self.is_https);
        self.jar = self.jar.clone().remove(gone);
    }

    fn forget_session(&self, sessions: &Sessions) {
        if let Some(name) = self.read_cookie("session") {
            sessions.end(&name);
        }
    }

    /// Returns the ID of this browser, if the request has one.
    pub(crate) fn sent_id(&self) -> Option<String> {
        self.read_cookie("browser")
    }

    /// Returns the ID of this browser, and sets one if the request has none. Login pages and
    /// tickets are valid only in the browser that requested them.
    pub(crate) fn get_or_draw_id(&mut self) -> String {
        self.read_cookie("browser").unwrap_or_else(|| {
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
