//! The ID tokens that have been used for a link. Each token links only once.

use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::ambient::Ambient;
use crate::tenant::store::expiring::Expiring;

/// The SHA-256 hashes of tokens that have been used for a link.
pub(crate) struct SpentProofs(Expiring<[u8; 32], ()>);

impl SpentProofs {
    /// Creates an empty store. `lifetime_s` is the lifetime of an ID token in seconds.
    pub(crate) fn new(lifetime_s: u64, ambient: &Ambient) -> Self {
        // A minute more than the token's lifetime, in case clocks differ.
        let lifetime = Duration::from_secs(lifetime_s.saturating_add(60));
        // Each entry is a link that was made, so evicting an entry early would take 100,000 links.
        Self(Expiring::new(Cache::builder().max_capacity(100_000), lifetime, ambient))
    }

    /// Marks a token as spent. Returns false if it was spent before.
    pub(crate) fn spend(&self, token: &str) -> bool {
        self.0.put_new(hash_token(token), ())
    }

    /// Makes a token usable again, because its link failed.
    pub(crate) fn give_back(&self, token: &str) {
        self.0.remove(&hash_token(token));
    }
}

/// Hashes the signed part of a token. The signature is left out, because it can be encoded in
/// several ways.
fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.rsplit_once('.').map_or(token, |(signed, _)| signed)).into()
}
