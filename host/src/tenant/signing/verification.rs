//! The verification of tokens that this tenant has signed.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::Value;

use crate::ambient::Ambient;
use crate::model::{Moment, User};
use crate::tenant::signing::issuer::Hosts;
use crate::tenant::signing::keys::Keys;
use crate::tenant::signing::token_id::TokenId;
use crate::tenant::signing::tokens::to_seconds;
use crate::tenant::store::weight::{Weighed, weight};

/// The claims of a token of this tenant.
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
    amr: Value,
    #[serde(default)]
    jti: Option<Value>,
    exp: u64,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
}

impl Claims {
    /// Returns the moment at which the token's login began. If the token has no `jti` of this
    /// tenant, returns the start of the second in `iat`, or 1970 if `iat` is missing, too.
    pub(crate) fn began(&self) -> Moment {
        match self.id() {
            Some(id) => id.began(),
            // Saturates at both ends.
            None => Moment::from_micros((self.iat.unwrap_or_default() * 1_000_000.0) as u64),
        }
    }

    /// Returns the name of the grant, if the token was issued for a code.
    pub(crate) fn grant(&self) -> Option<String> {
        self.id()?.grant().map(str::to_owned)
    }

    /// Returns the identity (`provider|id`) of the user to which the token was issued; the main
    /// identity, if the token has no `jti` of this tenant. `None` if the user has lost the identity.
    pub(crate) fn find_identity(&self, user: &User) -> Option<String> {
        self.id().map_or_else(|| Some(user.user_id.clone()), |id| id.find_identity(user))
    }

    /// Returns whether the user still has the identity to which the token was issued.
    pub(crate) fn has_identity_of(&self, user: &User) -> bool {
        self.find_identity(user).is_some()
    }

    /// Returns whether the token was issued to the main identity of the user.
    pub(crate) fn is_of_main_identity_of(&self, user: &User) -> bool {
        self.id().is_none_or(|id| id.is_of_main_identity_of(user))
    }

    /// Returns whether the login of an ID token passed a second factor.
    pub(crate) fn has_second_factor(&self) -> bool {
        self.amr.as_array().is_some_and(|methods| methods.iter().any(|it| it == "mfa"))
    }

    fn check_expiry(&self, now: u64) -> Result<(), TokenError> {
        if now > self.exp.saturating_add(LEEWAY) { Err(TokenError::Expired) } else { Ok(()) }
    }

    fn id(&self) -> Option<TokenId> {
        TokenId::parse(self.jti.as_ref()?.as_str()?)
    }
}

impl Weighed for Claims {
    fn bytes(&self) -> usize {
        let texts = [Some(&self.iss), self.azp.as_ref(), Some(&self.scope), self.gty.as_ref()];
        texts.into_iter().flatten().map(String::len).sum::<usize>()
            + self.sub.bytes()
            + self.aud.bytes()
            + self.amr.bytes()
            + self.jti.bytes()
    }
}

/// The reason why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// The token is not signed, or not with RS256.
    #[error("it is not a token signed with RS256")]
    Algorithm,
    /// The text is not a token.
    #[error("it is not a token")]
    Malformed,
    /// The key is not one of this tenant's, or the signature does not match.
    #[error("its signature is not this tenant's")]
    Signature,
    /// The token has expired.
    #[error("it has expired")]
    Expired,
    /// The token is not valid yet.
    #[error("it is not valid yet")]
    Future,
    /// The issuer is not this tenant.
    #[error("its issuer is another tenant")]
    Issuer,
}

/// The tolerated clock skew, in seconds.
pub(crate) const LEEWAY: u64 = 5;

/// Verifies tokens, and caches the verified ones by their SHA-256: clients send one token with
/// hundreds of requests, and verifying a signature takes as long as reading a user.
pub(crate) struct Verifier {
    verified: Cache<[u8; 32], Arc<VerifiedToken>>,
    ambient: Ambient,
}

/// The maximum size of the cache, in bytes.
const BYTES: u64 = 16 << 20;

struct VerifiedToken {
    kid: String,
    claims: Arc<Claims>,
}

impl Verifier {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        let weigh = |_: &[u8; 32], known: &Arc<VerifiedToken>| weight(&known.kid, &known.claims);
        let cache = Cache::builder().max_capacity(BYTES).weigher(weigh);
        let verified = cache.eviction_policy(EvictionPolicy::lru()).build();
        Self { verified, ambient: ambient.clone() }
    }

    /// Returns the claims of a token that one of these keys has signed for one of these issuers,
    /// and that is valid now. The caller must check the audience.
    pub(crate) fn verify(&self, token: &str, keys: &Keys, hosts: &Hosts) -> Result<Arc<Claims>, TokenError> {
        let now = to_seconds(self.ambient.now());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.verified.get(&hash) {
            known.claims.check_expiry(now)?;
            // The key may have been removed by rotations.
            return if keys.has(&known.kid) { Ok(known.claims.clone()) } else { Err(TokenError::Signature) };
        }
        let header = read_header(token).ok_or(TokenError::Malformed)?;
        if header.alg != "RS256" {
            return Err(TokenError::Algorithm);
        }
        let kid = header.kid.ok_or(TokenError::Signature)?;
        let claims = Arc::new(verify_signature(token, &kid, keys)?);
        claims.check_expiry(now)?;
        let latest = (now + LEEWAY) as f64;
        if [claims.iat, claims.nbf].into_iter().flatten().any(|begins| begins > latest) {
            return Err(TokenError::Future);
        }
        if !hosts.is_own(&claims.iss) {
            return Err(TokenError::Issuer);
        }
        self.verified.insert(hash, Arc::new(VerifiedToken { kid, claims: claims.clone() }));
        Ok(claims)
    }
}

fn verify_signature(token: &str, kid: &str, keys: &Keys) -> Result<Claims, TokenError> {
    use jsonwebtoken::errors::ErrorKind;
    let mut wanted = Validation::new(Algorithm::RS256);
    // Times are checked by the tenant's clock, not by the library's: see `verify`.
    wanted.validate_exp = false;
    wanted.validate_nbf = false;
    wanted.validate_aud = false;
    wanted.set_required_spec_claims(&["exp", "iss"]);
    let decoded = keys.with_key(kid, |key| jsonwebtoken::decode::<Claims>(token, key, &wanted));
    match decoded.ok_or(TokenError::Signature)? {
        Ok(decoded) => Ok(decoded.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidSignature => TokenError::Signature,
            _ => TokenError::Malformed,
        }),
    }
}

/// A token's header. `jsonwebtoken` cannot parse headers with `none` or an unknown algorithm.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

fn read_header(token: &str) -> Option<Header> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}
