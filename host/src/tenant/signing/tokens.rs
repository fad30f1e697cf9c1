//! The claims of access tokens and ID tokens.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::ambient::Ambient;
use crate::model::{Moment, Timestamp, User};
use crate::tenant::profile;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::signing::token_id::TokenId;

/// The Management API scopes that a user has for their own account.
///
/// Source: Auth0, "Get Management API access tokens for single-page applications".
pub(crate) const CURRENT_USER_SCOPES: [&str; 5] = [
    "read:current_user",
    "update:current_user_identities",
    "create:current_user_metadata",
    "update:current_user_metadata",
    "delete:current_user_metadata",
];

/// The value of `acr` and `acr_values` for a login with a second factor.
///
/// Source: Auth0, "Configure step-up authentication for web applications".
pub(crate) const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

/// The claims of an access token.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AccessClaims<'a> {
    pub(crate) iss: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) aud: Value,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    pub(crate) scope: &'a str,
    pub(crate) azp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gty: Option<&'a str>,
    /// The token ID, present only in a user's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<String>,
}

/// The data from which an ID token is created.
pub(crate) struct IdToken<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) client_id: &'a str,
    pub(crate) user: &'a User,
    /// The identity that logged in, `provider|id`.
    pub(crate) identity: &'a str,
    /// The moment at which the login began.
    pub(crate) began: Moment,
    /// The name of the grant, if the token is issued for a code.
    pub(crate) grant: Option<&'a str>,
    pub(crate) scope: &'a str,
    pub(crate) auth_time: Option<Timestamp>,
    /// Whether the login has passed a second factor.
    pub(crate) has_second_factor: bool,
    pub(crate) session: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    /// The access token that is issued together with the ID token.
    pub(crate) access_token: Option<&'a str>,
    /// The authorization code that is issued together with the ID token.
    pub(crate) code: Option<&'a str>,
}

impl IdToken<'_> {
    /// Returns the claims of the token, with this lifetime in seconds.
    pub(crate) fn claims(&self, lifetime_s: u64, ambient: &Ambient) -> Map<String, Value> {
        let now = to_seconds(ambient.now());
        let mut claims = profile_claims(self.user, self.scope);
        claims.insert("iss".to_owned(), self.issuer.name().into());
        claims.insert("sub".to_owned(), self.user.user_id.as_str().into());
        claims.insert("aud".to_owned(), self.client_id.into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + lifetime_s).into());
        claims.insert(
            "jti".to_owned(),
            TokenId::issue(self.identity, self.began, self.grant, ambient.random()).into(),
        );
        let second_factor = self.has_second_factor;
        let optional = [
            ("amr", second_factor.then(|| json!(["mfa"]))),
            ("acr", second_factor.then(|| json!(MULTI_FACTOR))),
            ("auth_time", self.auth_time.map(|at| json!(to_seconds(at)))),
            ("sid", self.session.map(|sid| json!(sid))),
            ("nonce", self.nonce.map(|nonce| json!(nonce))),
            ("at_hash", self.access_token.map(|token| json!(half_hash(token)))),
            ("c_hash", self.code.map(|code| json!(half_hash(code)))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value);
            }
        }
        claims
    }
}

/// Returns a time in seconds since 1970, the format of tokens.
pub(crate) fn to_seconds(at: Timestamp) -> u64 {
    at.as_millis() / 1000
}

/// Returns the claims about a user that these scopes allow, without `sub`.
///
/// Source: OpenID Connect Core 1.0, 5.4.
pub(crate) fn profile_claims(user: &User, scope: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    let has = |wanted: &str| scope.split(' ').any(|it| it == wanted);
    let mut take = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            claims.insert(name.to_owned(), value);
        }
    };
    let attribute = |name: &str| user.rest.get(name).filter(|value| !value.is_null()).cloned();
    if has("profile") {
        for name in ["given_name", "family_name", "locale", "username"] {
            take(name, attribute(name));
        }
        for (name, value) in profile::derive_profile(user) {
            take(name, Some(value.into()));
        }
        take("updated_at", user.updated_at.map(|at| at.to_string().into()));
    }
    if has("email") {
        take("email", user.email.clone().map(Value::from));
        take("email_verified", user.email.as_ref().map(|_| user.email_verified.is_verified().into()));
    }
    if has("phone") {
        take("phone_number", attribute("phone_number"));
        take("phone_number_verified", attribute("phone_verified"));
    }
    claims
}

/// Returns the left half of a text's SHA-256, for `at_hash` and `c_hash`.
///
/// Source: OpenID Connect Core 1.0, 3.2.2.9.
fn half_hash(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

/// Returns whether a PKCE verifier matches its challenge.
///
/// Source: RFC 7636, 4.6.
pub(crate) fn fits_challenge(verifier: &str, challenge: &str) -> bool {
    let is_verifier = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._~".contains(&it));
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    is_verifier && secrets_are_equal(&URL_SAFE_NO_PAD.encode(hash), challenge)
}

/// Returns whether two secrets are equal, in constant time.
pub(crate) fn secrets_are_equal(one: &str, other: &str) -> bool {
    use subtle::ConstantTimeEq;
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use crate::tenant::signing::tokens::{fits_challenge, half_hash};

    #[test]
    fn a_verifier_fits_its_challenge_only() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(fits_challenge(verifier, challenge));
        assert!(!fits_challenge(&verifier.to_lowercase(), challenge));
        assert!(!fits_challenge("short", challenge));
    }

    #[test]
    fn a_hash_is_the_one_of_the_standard() {
        // OpenID Connect Core 1.0, appendix A.3.
        assert_eq!(half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
