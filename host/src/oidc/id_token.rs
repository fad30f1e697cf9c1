//! The verification of an ID token.
//!
//! Source: OpenID Connect Core 1.0, 3.1.3.7.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use super::OidcError;
use crate::model::Timestamp;

/// The tolerated difference between the tenant's clock and this one, in seconds.
const LEEWAY: u64 = 60;

/// The most authentication methods that are read.
const MOST_METHODS: usize = 8;

/// The values that an ID token must have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// The time at which the user was sent to log in, in seconds since 1970, if an older login proves
    /// nothing; none if a login may be older.
    pub(super) new_since: Option<u64>,
    /// The time, in seconds since 1970.
    pub(super) now: u64,
}

/// A login that an ID token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProvedLogin {
    pub(crate) user_id: String,
    /// The account's address; none if the token has none.
    pub(crate) email: Option<String>,
    /// Whether the tenant has verified the account's address.
    pub(crate) email_verified: bool,
    /// The time of the login.
    pub(crate) at: Timestamp,
    /// The values of `amr`.
    pub(crate) methods: Vec<String>,
}

/// The claims of an ID token.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    #[serde(default)]
    azp: Option<String>,
    exp: u64,
    iat: u64,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    auth_time: Option<u64>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    amr: Vec<String>,
}

impl ProvedLogin {
    /// Returns whether the user has passed a second factor.
    ///
    /// Source: Auth0, "Configure Step-up Authentication for Web Apps"; RFC 8176, `mfa`.
    pub(crate) fn has_second_factor(&self) -> bool {
        self.methods.iter().any(|method| method == "mfa")
    }
}

/// A token's header. `jsonwebtoken` cannot parse headers with `none` or an unknown algorithm.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

/// Returns the id of the key that a token says has signed it.
pub(super) fn read_key_id(token: &str) -> Result<String, OidcError> {
    let malformed = OidcError::IdToken("it is malformed");
    let (header, _) = token.split_once('.').ok_or(malformed.clone())?;
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| malformed.clone())?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| malformed)?;
    if header.alg != "RS256" {
        return Err(OidcError::IdToken("it is not signed with RS256"));
    }
    header.kid.ok_or(OidcError::IdToken("it names no key"))
}

/// Verifies an ID token by one of the tenant's keys.
pub(super) fn verify(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<ProvedLogin, OidcError> {
    let claims = verify_signature(token, keys)?;
    let refuse = |why| Err(OidcError::IdToken(why));
    if claims.iss != expected.issuer {
        return refuse("its issuer is another tenant");
    }
    if !is_for(&claims, expected.client_id) {
        return refuse("it is issued to another application");
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return refuse("it belongs to another login");
    }
    if claims.exp.saturating_add(LEEWAY) <= expected.now {
        return refuse("it has expired");
    }
    if claims.iat > expected.now.saturating_add(LEEWAY) {
        return refuse("it is not valid yet");
    }
    let auth_time = match (claims.auth_time, expected.new_since) {
        (None, Some(_)) => return refuse("it has no auth_time"),
        (Some(auth_time), Some(sent_at)) if auth_time.saturating_add(LEEWAY) < sent_at => {
            return refuse("the user did not log in again");
        }
        // Not every provider says when a user has logged in.
        (auth_time, _) => auth_time.unwrap_or(claims.iat),
    };
    if auth_time > expected.now.saturating_add(LEEWAY) {
        return refuse("its auth_time is in the future");
    }
    if claims.sub.is_empty() {
        return refuse("it names no user");
    }
    let at = auth_time.min(expected.now).saturating_mul(1_000);
    let Some(at) = Timestamp::from_millis(at) else { return refuse("its auth_time is out of range") };
    let is_name = |name: &String| !name.is_empty() && name.len() <= 64;
    Ok(ProvedLogin {
        user_id: claims.sub,
        email: claims.email,
        // Some providers send a text.
        email_verified: claims.email_verified == Value::Bool(true) || claims.email_verified == "true",
        at,
        methods: claims.amr.into_iter().filter(is_name).take(MOST_METHODS).collect(),
    })
}

fn verify_signature(token: &str, keys: &JwkSet) -> Result<Claims, OidcError> {
    let key_id = read_key_id(token)?;
    let key = keys.find(&key_id).ok_or(OidcError::IdToken("its key is not one of the tenant's"))?;
    // The key decides its own algorithm: the token cannot make a public key a shared secret.
    if !matches!(key.algorithm, AlgorithmParameters::RSA(_)) {
        return Err(OidcError::IdToken("its key is not one for RS256"));
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| OidcError::IdToken("its key cannot be used"))?;
    let mut wanted = Validation::new(Algorithm::RS256);
    // Times and audience are checked in `verify`, by this service's clock.
    wanted.validate_exp = false;
    wanted.validate_nbf = false;
    wanted.validate_aud = false;
    wanted.set_required_spec_claims(&["exp", "iss"]);
    let decoded = jsonwebtoken::decode::<Claims>(token, &key, &wanted);
    decoded.map(|decoded| decoded.claims).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidSignature => {
            OidcError::IdToken("its signature is not the tenant's")
        }
        _ => OidcError::IdToken("it is malformed"),
    })
}

/// Returns whether a token is issued to this application, and to no other beside it.
fn is_for(claims: &Claims, client_id: &str) -> bool {
    let is_audience = match &claims.aud {
        Value::String(one) => one == client_id,
        Value::Array(several) => matches!(several.as_slice(), [Value::String(one)] if one == client_id),
        _ => false,
    };
    is_audience && claims.azp.as_deref().is_none_or(|azp| azp == client_id)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::jwk::JwkSet;
    use serde_json::{Value, json};

    use super::{Expected, verify};

    const NOW: u64 = 1_795_687_200;

    /// A tenant's key, and the set that publishes it.
    struct Tenant {
        key: KeyPair,
        keys: JwkSet,
    }

    impl Tenant {
        fn new() -> Self {
            let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
            let public = key.public_key();
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let (n, e) = (public.modulus(), public.exponent());
            let keys = json!({ "keys": [{
                "kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig",
                "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero()),
            }] });
            Self { key, keys: serde_json::from_value(keys).unwrap() }
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", encode(header), encode(claims));
            let mut signature = vec![0; self.key.public_modulus_len()];
            let rng = aws_lc_rs::rand::SystemRandom::new();
            let padding = &aws_lc_rs::signature::RSA_PKCS1_SHA256;
            self.key.sign(padding, &rng, signed.as_bytes(), &mut signature).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn header() -> Value {
        json!({ "alg": "RS256", "kid": "k", "typ": "JWT" })
    }

    fn claims() -> Value {
        json!({
            "iss": "https://acme.eu.auth0.com/", "sub": "auth0|1", "aud": "confirm", "nonce": "n",
            "iat": NOW, "exp": NOW + 600, "auth_time": NOW - 5, "email": "ada@example.com", "email_verified": true,
            "amr": ["mfa"],
        })
    }

    fn expected() -> Expected<'static> {
        Expected {
            issuer: "https://acme.eu.auth0.com/",
            client_id: "confirm",
            nonce: "n",
            new_since: Some(NOW - 30),
            now: NOW,
        }
    }

    fn verify_at(tenant: &Tenant, token: &str) -> Result<super::ProvedLogin, String> {
        verify(token, &tenant.keys, &expected()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_of_the_tenant_proves_the_login() {
        let tenant = Tenant::new();
        let proved = verify_at(&tenant, &tenant.sign(&header(), &claims())).unwrap();
        assert_eq!((proved.user_id.as_str(), proved.email_verified), ("auth0|1", true));
        assert_eq!((proved.at.as_millis(), proved.methods), ((NOW - 5) * 1_000, vec!["mfa".to_owned()]));
    }

    #[test]
    fn every_other_token_is_refused() {
        let tenant = Tenant::new();
        let cases = [
            ("iss", json!("https://evil.example/"), "issuer"),
            ("aud", json!("web"), "another application"),
            ("aud", json!(["confirm", "web"]), "another application"),
            ("azp", json!("web"), "another application"),
            ("nonce", json!("other"), "another login"),
            ("nonce", Value::Null, "another login"),
            ("exp", json!(NOW - 61), "expired"),
            ("iat", json!(NOW + 61), "not valid yet"),
            ("auth_time", Value::Null, "no auth_time"),
            ("auth_time", json!(NOW - 30 - 61), "did not log in again"),
            ("auth_time", json!(NOW + 61), "in the future"),
            ("sub", json!(""), "names no user"),
            ("sub", Value::Null, "malformed"),
        ];
        for (claim, value, why) in cases {
            let mut changed = claims();
            changed[claim] = value.clone();
            let error = verify_at(&tenant, &tenant.sign(&header(), &changed)).unwrap_err();
            assert!(error.contains(why), "{claim} {value}: {error}");
        }
    }

    #[test]
    fn a_login_that_need_not_be_new_may_have_no_time() {
        let tenant = Tenant::new();
        for (auth_time, at) in [(json!(NOW - 9_000), NOW - 9_000), (Value::Null, NOW)] {
            let mut changed = claims();
            changed["auth_time"] = auth_time;
            let expected = Expected { new_since: None, ..expected() };
            let proved = verify(&tenant.sign(&header(), &changed), &tenant.keys, &expected).unwrap();
            assert_eq!(
                (proved.at.as_millis(), proved.email.as_deref()),
                (at * 1_000, Some("ada@example.com"))
            );
        }
    }

    #[test]
    fn an_address_is_verified_only_if_the_tenant_says_so() {
        let tenant = Tenant::new();
        for (value, is_verified) in
            [(json!(false), false), (Value::Null, false), (json!("false"), false), (json!("true"), true)]
        {
            let mut changed = claims();
            changed["email_verified"] = value.clone();
            let proved = verify_at(&tenant, &tenant.sign(&header(), &changed)).unwrap();
            assert_eq!(proved.email_verified, is_verified, "{value}");
        }
    }

    /// S-76: no signature, the public key as a shared secret, and keys that the tenant does
    /// not have.
    #[test]
    fn s_76_another_algorithm_or_key_is_refused() {
        let (tenant, other) = (Tenant::new(), Tenant::new());
        let altered = |key: &str, value: Value| {
            let mut header = header();
            header[key] = value;
            header
        };
        let none = tenant.sign(&altered("alg", json!("none")), &claims());
        let tokens = [
            (format!("{}.", none.rsplit_once('.').unwrap().0), "RS256"),
            (tenant.sign(&altered("alg", json!("HS256")), &claims()), "RS256"),
            (tenant.sign(&altered("kid", json!("unknown")), &claims()), "not one of the tenant's"),
            (tenant.sign(&altered("kid", Value::Null), &claims()), "names no key"),
            (other.sign(&header(), &claims()), "signature"),
            ("x".to_owned(), "malformed"),
            (String::new(), "malformed"),
        ];
        for (token, why) in tokens {
            let error = verify_at(&tenant, &token).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }
}
