//! The forms of pages on which a person changes something: they are accepted only from the page
//! and the session that they were made for.
//!
//! A cookie alone does not show this: on HTTPS the session's cookie has `SameSite=None`, because an
//! application on another site may call the tenant from within an iframe.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The purpose of the derived key.
const PURPOSE: &[u8] = b"ligature form tokens v1";

/// The key of the tokens in forms.
pub(crate) struct FormKey(hmac::Key);

/// A form: its action, and the session of the page that it is on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form<'a> {
    /// The path that the form is sent to.
    pub(crate) action: &'a str,
    /// The id of the session.
    pub(crate) session: &'a str,
}

/// The reason why a form is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormFault {
    /// A page of another origin sent it.
    Foreign,
    /// The form's token is missing, or belongs to another form, session or key.
    Expired,
}

impl FormKey {
    /// Derives the key from a secret that has other purposes, too.
    pub(crate) fn derive(secret: &[u8]) -> Self {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// Returns the token of a form.
    pub(crate) fn issue(&self, form: Form<'_>) -> String {
        URL_SAFE_NO_PAD.encode(self.sign(form))
    }

    /// Checks the origin and the token of a form that was sent.
    pub(crate) fn check(&self, form: Form<'_>, token: &str) -> Result<(), FormFault> {
        let sent = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        verify_slices_are_equal(self.sign(form).as_ref(), &sent).map_err(|_| FormFault::Expired)
    }

    fn sign(&self, Form { action, session }: Form<'_>) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [action, session] {
            // The length keeps two parts from being read as two others.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }
}

/// Refuses a form of a page of another origin, as far as the browser says where it comes from.
///
/// Source: W3C, "Fetch Metadata Request Headers".
pub(crate) fn refuse_foreign(headers: &HeaderMap, origin: &str) -> Result<(), FormFault> {
    let is_own = headers.get_all(ORIGIN).iter().all(|sent| sent.as_bytes() == origin.as_bytes());
    let is_same_site = headers
        .get_all("sec-fetch-site")
        .iter()
        .all(|sent| matches!(sent.as_bytes(), b"same-origin" | b"none"));
    if is_own && is_same_site { Ok(()) } else { Err(FormFault::Foreign) }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Form, FormFault, FormKey, refuse_foreign};

    const FORM: Form<'_> = Form { action: "/account/link", session: "one" };

    #[test]
    fn a_token_is_of_one_form_session_and_key() {
        let key = FormKey::derive(b"a secret");
        let token = key.issue(FORM);
        assert_eq!(key.check(FORM, &token), Ok(()));
        let refused = Err(FormFault::Expired);
        assert_eq!(key.check(Form { session: "two", ..FORM }, &token), refused);
        assert_eq!(key.check(Form { action: "/account/remove", ..FORM }, &token), refused);
        assert_eq!(key.check(Form { action: "/account/lin", session: "kone" }, &token), refused);
        assert_eq!(FormKey::derive(b"another").check(FORM, &token), refused);
        for bad in ["", "x", &token[1..], &format!("{token}A")] {
            assert_eq!(key.check(FORM, bad), refused, "{bad}");
        }
    }

    #[test]
    fn a_form_of_another_origin_is_refused() {
        let checked = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            refuse_foreign(&headers, "http://localhost:4480").is_ok()
        };
        assert!(checked(&[]));
        assert!(checked(&[("origin", "http://localhost:4480"), ("sec-fetch-site", "same-origin")]));
        assert!(checked(&[("sec-fetch-site", "none")]));
        for (name, value) in [
            ("origin", "http://localhost:3000"),
            ("origin", "null"),
            ("origin", "http://localhost:4480/"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", ""),
        ] {
            assert!(!checked(&[(name, value)]), "{name}: {value}");
        }
        assert!(!checked(&[("origin", "http://localhost:4480"), ("origin", "http://evil.test")]));
    }
}
