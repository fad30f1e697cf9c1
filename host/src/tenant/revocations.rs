//! Logins that are good no longer: whoever was logged in before a password was
//! changed may be the one it was changed because of.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::tokens::seconds;
use crate::login::Timestamp;

/// A place in the order in which this process does things. Of two, one is always
/// the earlier; of two times, neither may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Moment(u64);

impl Moment {
    /// Later than any that was drawn before.
    pub(super) fn now() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::SeqCst))
    }
}

/// From when on the logins of an identity (`provider|id`) count, where not all
/// do; by the identity's SHA-256.
pub(super) struct Revocations(Cache<[u8; 32], (Moment, Timestamp)>);

impl Revocations {
    /// `lifetime_s` is how long a login may be used in any way.
    pub(super) fn new(lifetime_s: u64) -> Self {
        Self(
            Cache::builder()
                .max_capacity(100_000)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(Duration::from_secs(lifetime_s))
                .build(),
        )
    }

    /// Ends the logins that this identity has made so far.
    pub(super) fn revoke(&self, identity: &str) {
        self.0.insert(Sha256::digest(identity).into(), (Moment::now(), Timestamp::now()));
    }

    /// Whether a login that began at this moment is good no longer.
    pub(super) fn is_revoked(&self, identity: &str, began: Moment) -> bool {
        self.revoked(identity).is_some_and(|(since, _)| began < since)
    }

    /// Whether a token that was issued at this second (`iat`) is good no longer.
    /// Tokens know no moments: one of the very second of the revocation may be
    /// later than it, and is good.
    pub(super) fn is_token_revoked(&self, identity: &str, iat: u64) -> bool {
        self.revoked(identity).is_some_and(|(_, since)| iat < seconds(since))
    }

    fn revoked(&self, identity: &str) -> Option<(Moment, Timestamp)> {
        let identity: [u8; 32] = Sha256::digest(identity).into();
        self.0.get(&identity)
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Revocations};

    #[test]
    fn a_login_right_after_a_revocation_is_good_in_the_same_millisecond() {
        let revocations = Revocations::new(60);
        for _ in 0..1000 {
            let before = Moment::now();
            revocations.revoke("auth0|ada");
            let after = Moment::now();
            assert!(revocations.is_revoked("auth0|ada", before));
            assert!(!revocations.is_revoked("auth0|ada", after));
        }
        assert!(!revocations.is_revoked("auth0|bob", Moment::default()));
    }
}
