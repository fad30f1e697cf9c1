//! Whether a token is ours.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::Value;

use crate::model::{Moment, User};
use crate::tenant::signing::token_id::TokenId;
use crate::tenant::signing::tokens::seconds;
use crate::tenant::state::Tenant;
use crate::tenant::store::weight::{Weighed, weight};

/// What a token says that is ours.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    #[serde(default)]
    pub(crate) sub: Option<Value>,
    #[serde(default)]
    pub(crate) aud: Value,
    #[serde(default)]
    pub(crate) azp: Option<String>,
    #[serde(default)]
    pub(crate) scope: String,
    #[serde(default)]
    pub(crate) gty: Option<String>,
    #[serde(default)]
    jti: Option<Value>,
    exp: u64,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
}

impl Claims {
    /// When the login began that it is of. Without a `jti` of ours, at the beginning
    /// of the second that it was issued at, or at none at all.
    pub(crate) fn began(&self) -> Moment {
        match self.id() {
            Some(id) => id.began(),
            // Saturates at both ends.
            None => Moment::from_micros((self.iat.unwrap_or_default() * 1_000_000.0) as u64),
        }
    }

    /// Whether the user still has the identity that got the token.
    pub(crate) fn is_of(&self, user: &User) -> bool {
        self.id().is_none_or(|id| id.is_of(user))
    }

    fn check_expiry(&self, now: u64) -> Result<(), TokenError> {
        if now > self.exp.saturating_add(LEEWAY) { Err(TokenError::Expired) } else { Ok(()) }
    }

    fn id(&self) -> Option<TokenId> {
        TokenId::read(self.jti.as_ref()?.as_str()?)
    }
}

impl Weighed for Claims {
    fn bytes(&self) -> usize {
        let texts = [Some(&self.iss), self.azp.as_ref(), Some(&self.scope), self.gty.as_ref()];
        texts.into_iter().flatten().map(String::len).sum::<usize>()
            + self.sub.bytes()
            + self.aud.bytes()
            + self.jti.bytes()
    }
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is no signed token, or not one of RS256.
    #[error("it is no token signed with RS256")]
    Algorithm,
    /// It is no token at all.
    #[error("it is no token")]
    Malformed,
    /// Its key is none of ours, or the signature not of that key.
    #[error("its signature is not ours")]
    Signature,
    /// It is too old.
    #[error("it has expired")]
    Expired,
    /// It is not good yet.
    #[error("it is from the future")]
    Future,
    /// It says that somebody else issued it.
    #[error("its issuer is another tenant")]
    Issuer,
}

/// How far clocks may be apart, in seconds.
pub(crate) const LEEWAY: u64 = 5;

/// Tokens whose signature was found to be ours, by their SHA-256: clients send
/// one token with hundreds of requests, and looking at a signature takes as long
/// as looking for a user.
pub(crate) struct Verified(Cache<[u8; 32], Arc<Known>>);

/// The most that they take, in bytes.
const BYTES: u64 = 16 << 20;

struct Known {
    kid: String,
    claims: Arc<Claims>,
}

impl Verified {
    pub(crate) fn new() -> Self {
        let weigh = |_: &[u8; 32], known: &Arc<Known>| weight(&known.kid, &known.claims);
        Self(
            Cache::builder()
                .max_capacity(BYTES)
                .weigher(weigh)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        )
    }
}

impl Tenant {
    /// What a token says, if this tenant has signed it and it is in force. Whom
    /// it is for is the caller's to check.
    pub(crate) fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        let now = seconds(self.ambient.now());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.signing.verified.0.get(&hash) {
            known.claims.check_expiry(now)?;
            // The key may have been rotated away.
            return if self.signing.keys.has(&known.kid) {
                Ok(known.claims.clone())
            } else {
                Err(TokenError::Signature)
            };
        }
        let header = header(token).ok_or(TokenError::Malformed)?;
        if header.alg != "RS256" {
            return Err(TokenError::Algorithm);
        }
        let kid = header.kid.ok_or(TokenError::Signature)?;
        let claims = Arc::new(self.verify_signature(token, &kid)?);
        claims.check_expiry(now)?;
        let latest = (now + LEEWAY) as f64;
        if [claims.iat, claims.nbf].into_iter().flatten().any(|begins| begins > latest) {
            return Err(TokenError::Future);
        }
        if !self.signing.hosts.is_own(&claims.iss) {
            return Err(TokenError::Issuer);
        }
        self.signing.verified.0.insert(hash, Arc::new(Known { kid, claims: claims.clone() }));
        Ok(claims)
    }

    fn verify_signature(&self, token: &str, kid: &str) -> Result<Claims, TokenError> {
        use jsonwebtoken::errors::ErrorKind;
        let mut wanted = Validation::new(Algorithm::RS256);
        // By the tenant's clock, not by the library's: see `verify`.
        wanted.validate_exp = false;
        wanted.validate_nbf = false;
        wanted.validate_aud = false;
        wanted.set_required_spec_claims(&["exp", "iss"]);
        let decoded =
            self.signing.keys.verifying(kid, |key| jsonwebtoken::decode::<Claims>(token, key, &wanted));
        match decoded.ok_or(TokenError::Signature)? {
            Ok(decoded) => Ok(decoded.claims),
            Err(error) => Err(match error.kind() {
                ErrorKind::InvalidSignature => TokenError::Signature,
                _ => TokenError::Malformed,
            }),
        }
    }
}

/// A token's header, `none` and other algorithms included, which
/// `jsonwebtoken` does not even read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

fn header(token: &str) -> Option<Header> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}
