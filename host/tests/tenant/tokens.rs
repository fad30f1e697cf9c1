//! Forged tokens: signed with the tenant's own key, with another key, or not at all.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::http::Request;
use crate::tenants::{Tenant, text};

/// A holder of the tenant's signing key.
pub(crate) struct Forger {
    pair: KeyPair,
    /// The key's id.
    pub(crate) kid: String,
    /// The public key's modulus, as JWKS has it.
    pub(crate) modulus: String,
}

impl Forger {
    /// Returns a forger with the tenant's own signing key.
    pub(crate) fn of(tenant: &Tenant) -> Self {
        let file = tenant.running.state.join("signing-key.pem");
        let text_of_it = std::fs::read_to_string(file).expect("the signing key");
        let der = pem::parse(text_of_it).expect("PEM");
        let jwks = tenant.send(&Request::get("/.well-known/jwks.json")).json();
        let key = &jwks["keys"][0];
        Self {
            pair: KeyPair::from_pkcs8(der.contents()).expect("an RSA key"),
            kid: text(&key["kid"]),
            modulus: text(&key["n"]),
        }
    }

    /// Returns a forger with a new key under this key id.
    pub(crate) fn foreign(kid: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        Self { pair, kid: kid.to_owned(), modulus: String::new() }
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": "RS256", "typ": "JWT", "kid": self.kid })
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_text(&self.header().to_string(), &claims.to_string())
    }

    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same of texts that no JSON library would write.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let token = unsigned(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        (self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature))
            .expect("a signature");
        format!("{token}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key in PEM, which some libraries took for a shared secret.
    pub(crate) fn public_pem(&self) -> String {
        use aws_lc_rs::encoding::PublicKeyX509Der;
        use aws_lc_rs::signature::KeyPair as _;
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der().expect("a public key");
        pem::encode(&pem::Pem::new("PUBLIC KEY", der.as_ref()))
    }

    /// The private key's bytes, to see that it is another one.
    pub(crate) fn is_other_than(&self, other: &Self) -> bool {
        let der = |key: &KeyPair| {
            let der: Pkcs8V1Der<'_> = key.as_der().expect("a key");
            der.as_ref().to_vec()
        };
        der(&self.pair) != der(&other.pair)
    }
}

/// Header and claims, as they are signed.
pub(crate) fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// A token under a shared secret.
pub(crate) fn hmac(header: &Value, claims: &Value, secret: &[u8]) -> String {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
    let token = unsigned(&header.to_string(), &claims.to_string());
    let tag = sign(&Key::new(HMAC_SHA256, secret), token.as_bytes());
    format!("{token}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Now, as tokens have it.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The claims that the tenant itself puts into a client's access token.
pub(crate) fn access_claims(tenant: &Tenant) -> Value {
    json!({
        "iss": tenant.http(), "sub": "web@clients", "aud": tenant.audience(), "azp": "web",
        "iat": now(), "exp": now() + 3600, "scope": "read:users update:users", "gty": "client-credentials",
    })
}

/// The claims that it puts into an ID token for the web application.
pub(crate) fn id_claims(tenant: &Tenant, user_id: &str) -> Value {
    json!({ "iss": tenant.http(), "sub": user_id, "aud": "web", "iat": now(), "exp": now() + 3600 })
}

/// Claims with one of them changed; `null` takes it away.
pub(crate) fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    match value.into() {
        Value::Null => drop(claims.as_object_mut().expect("claims").remove(name)),
        value => claims[name] = value,
    }
    claims
}
