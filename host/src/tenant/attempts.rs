//! How often something secret is guessed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

/// Failed attempts before a login has to wait.
///
/// Source: Auth0, "Brute-force protection", default.
const ATTEMPTS: u32 = 10;
const WAIT: Duration = Duration::from_secs(600);

/// Failed attempts of logins, by name.
pub(super) struct Attempts(Cache<[u8; 32], Arc<AtomicU32>>);

/// It was tried too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl Attempts {
    pub(super) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(100_000)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(WAIT)
                .build(),
        )
    }

    /// Counts an attempt as failed, before it is made: many at a time get no
    /// more of them.
    pub(super) fn begin(&self, name: &str) -> Result<(), TooMany> {
        let failed = self.0.get_with(key(name), Arc::default);
        if failed.fetch_add(1, Ordering::SeqCst) >= ATTEMPTS { Err(TooMany) } else { Ok(()) }
    }

    /// It was not made after all.
    pub(super) fn take_back(&self, name: &str) {
        if let Some(failed) = self.0.get(&key(name)) {
            failed.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// It was right, or there is something new to be tried.
    pub(super) fn forgive(&self, name: &str) {
        self.0.invalidate(&key(name));
    }
}

/// Of one size, however long the name is that somebody has typed.
fn key(name: &str) -> [u8; 32] {
    Sha256::digest(name.to_ascii_lowercase()).into()
}

#[cfg(test)]
mod tests {
    use super::Attempts;

    #[test]
    fn many_at_a_time_get_no_more_attempts() {
        let attempts = Attempts::new();
        let begun = std::thread::scope(|scope| {
            let guesses: Vec<_> = (0..40).map(|_| scope.spawn(|| attempts.begin("Ada").is_ok())).collect();
            guesses.into_iter().map(|guess| usize::from(guess.join().unwrap())).sum::<usize>()
        });
        assert_eq!(begun, 10);
        assert!(attempts.begin("ada").is_err());
        attempts.forgive("ADA");
        assert!(attempts.begin("ada").is_ok());
    }

    #[test]
    fn an_attempt_that_was_not_made_does_not_count() {
        let attempts = Attempts::new();
        for _ in 0..40 {
            assert!(attempts.begin("ada").is_ok());
            attempts.take_back("ada");
        }
    }
}
