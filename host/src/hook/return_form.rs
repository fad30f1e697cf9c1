//! The way back to the tenant's transaction: a form to `/continue` with a signed token.
//!
//! Source: Auth0, "Redirect with Actions": `POST https://DOMAIN/continue?state=…`, and
//! `api.redirect.validateToken`.

use askama::Template;
use aws_lc_rs::hmac;
use axum::response::Response;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use url::Url;

use crate::service::page;

/// The name of the form's field with the token, and of the Action's parameter.
const FIELD: &str = "ligature_token";

/// The label under which the key of the token is derived from the secret. The Action
/// derives it in the same way.
const KEY_LABEL: &[u8] = b"ligature return token v1";

#[derive(Template)]
#[template(path = "return.html")]
struct ReturnPage<'a> {
    action: &'a str,
    field: &'static str,
    token: &'a str,
    script: &'a str,
}

/// The claims of the token. The tenant checks `exp` and `state`, and the Action hands
/// `answer` on.
#[derive(Serialize)]
pub(super) struct ReturnClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) sub: &'a str,
    pub(super) iat: u64,
    pub(super) exp: u64,
    /// The `state` of the transaction.
    pub(super) state: &'a str,
    /// The sealed answer.
    pub(super) answer: &'a str,
}

/// Signs the claims by a key derived from the secret.
pub(super) fn sign(secret: &hmac::Key, claims: &ReturnClaims<'_>) -> Option<String> {
    let key: String = hmac::sign(secret, KEY_LABEL).as_ref().iter().map(|it| format!("{it:02x}")).collect();
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).ok()
}

/// Returns the URL at which a transaction of the tenant continues. Only the transaction's
/// name comes from the browser.
pub(super) fn continue_url(issuer: &Url, transaction: &str) -> Url {
    let mut url = issuer.clone();
    url.set_path("/continue");
    url.query_pairs_mut().clear().append_pair("state", transaction);
    url
}

/// A page that sends the browser back to the tenant by itself. Its form has no `form-action` to
/// keep to: the redirect after it leads to the application.
pub(super) fn return_page(continue_url: &Url, token: &str, script: &str) -> Response {
    let page = ReturnPage { action: continue_url.as_str(), field: FIELD, token, script };
    page::respond_with_sent_form(page.render())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use url::Url;

    use super::{ReturnClaims, continue_url, sign};

    #[test]
    fn a_transaction_continues_at_the_tenant_only() {
        let issuer = Url::parse("https://login.example.com/").unwrap();
        for (state, url) in [
            ("hKFo2SA", "https://login.example.com/continue?state=hKFo2SA"),
            ("a&b=c#d", "https://login.example.com/continue?state=a%26b%3Dc%23d"),
            (
                "//evil.example/\"><",
                "https://login.example.com/continue?state=%2F%2Fevil.example%2F%22%3E%3C",
            ),
        ] {
            assert_eq!(continue_url(&issuer, state).as_str(), url);
        }
    }

    /// Computed by another implementation: see the Action, `returnKey`.
    #[test]
    fn the_token_is_signed_by_a_key_derived_from_the_secret() {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &[b'x'; 32]);
        let claims = ReturnClaims {
            iss: "login.example.com",
            sub: "auth0|1",
            iat: 1,
            exp: 2,
            state: "s",
            answer: "a",
        };
        let token = sign(&secret, &claims).unwrap();
        assert_eq!(token.rsplit_once('.').unwrap().1, "z_PdQHcwA_phojWZqDryRy6BN9Fwe4xomXFaWQe54QM");
    }
}
