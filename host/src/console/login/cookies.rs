//! The cookies of the console.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum_extra::extract::cookie::{Cookie, SameSite};

/// The cookies of a console that browsers reach by https, or by http on this machine.
#[derive(Debug, Clone, Copy)]
pub(in crate::console) struct Cookies {
    pub(super) is_https: bool,
}

/// The purpose of a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CookieKind {
    /// The session of an operator.
    Session,
    /// The login that the browser has begun.
    Attempt,
}

/// A response header.
pub(super) type Header = (HeaderName, HeaderValue);

impl Cookies {
    /// Browsers accept a cookie with this prefix only from the host itself, over https.
    fn name(self, kind: CookieKind) -> &'static str {
        match (kind, self.is_https) {
            (CookieKind::Session, true) => "__Host-ligature-console",
            (CookieKind::Session, false) => "ligature-console",
            (CookieKind::Attempt, true) => "__Host-ligature-console-login",
            (CookieKind::Attempt, false) => "ligature-console-login",
        }
    }

    /// Returns the value of a cookie.
    pub(super) fn read(self, kind: CookieKind, headers: &HeaderMap) -> Option<&str> {
        let sent = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
        let mut cookies = sent.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
        cookies.find(|(name, _)| *name == self.name(kind)).map(|(_, value)| value)
    }

    /// Returns the header that keeps a value for `seconds` seconds; for the time of the browser's
    /// session if none are given.
    pub(super) fn keep(self, kind: CookieKind, value: &str, seconds: Option<u64>) -> Option<Header> {
        let mut cookie = Cookie::new(self.name(kind), value);
        cookie.set_path("/");
        cookie.set_http_only(true);
        cookie.set_secure(self.is_https);
        // The issuer sends the browser back by a link: a strict cookie would not arrive.
        cookie.set_same_site(SameSite::Lax);
        let lifetime = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        Some((SET_COOKIE, HeaderValue::from_str(&format!("{cookie}{lifetime}")).ok()?))
    }

    /// Returns the header that removes a cookie.
    pub(super) fn forget(self, kind: CookieKind) -> Option<Header> {
        self.keep(kind, "", Some(0))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::COOKIE;

    use super::{CookieKind, Cookies};

    #[test]
    fn a_cookie_over_https_is_of_this_host_only() {
        let cookie = |is_https| {
            let (_, value) = Cookies { is_https }.keep(CookieKind::Session, "x", None).unwrap();
            value.to_str().unwrap().to_owned()
        };
        let kept = "HttpOnly; SameSite=Lax; Secure; Path=/";
        assert_eq!(cookie(true), format!("__Host-ligature-console=x; {kept}"));
        assert_eq!(cookie(false), "ligature-console=x; HttpOnly; SameSite=Lax; Path=/");
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "ligature-console=x; other=y".parse().unwrap());
        assert_eq!(Cookies { is_https: true }.read(CookieKind::Session, &headers), None);
        assert_eq!(Cookies { is_https: false }.read(CookieKind::Session, &headers), Some("x"));
    }
}
