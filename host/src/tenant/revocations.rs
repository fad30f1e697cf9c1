//! Logins that are good no longer: whoever was logged in before a password was
//! changed may be the one it was changed because of.

use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::login::Timestamp;

/// What names the refresh tokens of an identity; no identity is called so.
pub(super) fn refresh_tokens_of(identity: &str) -> String {
    format!("refresh tokens of {identity}")
}

/// From when on the logins of an identity count, where not all do.
pub(super) struct Revocations(Cache<String, Timestamp>);

impl Revocations {
    /// `lifetime_s` is how long any session or refresh token lives.
    pub(super) fn new(lifetime_s: u64) -> Self {
        Self(
            Cache::builder()
                .max_capacity(100_000)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(Duration::from_secs(lifetime_s))
                .build(),
        )
    }

    /// Ends the refresh tokens that this identity has so far, and nothing else.
    pub(super) fn revoke_refresh_tokens(&self, identity: &str) {
        self.revoke(&refresh_tokens_of(identity));
    }

    /// Ends the logins that this identity (`provider|id`) has made so far.
    pub(super) fn revoke(&self, identity: &str) {
        self.0.insert(identity.to_owned(), Timestamp::now());
    }

    /// Whether a login of then is good no longer.
    pub(super) fn is_revoked(&self, identity: &str, at: Timestamp) -> bool {
        self.0.get(identity).is_some_and(|since| at <= since)
    }
}
