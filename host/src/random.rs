//! Randomness, and the secrets and ids that are made of it.
//!
//! Two kinds of values do not come from the injected source. The libraries that make signing keys
//! and certificates draw from the system and accept no other source: a predictable key must not
//! exist. The id of a database is drawn by the migration that adds it, so that no database of that
//! version lacks one.

use std::fmt::Debug;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A source of random bytes.
pub trait Random: Debug + Send + Sync {
    /// Fills a buffer.
    ///
    /// # Panics
    ///
    /// If the source has no bytes: a process without randomness must not hand out
    /// secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[allow(clippy::expect_used, clippy::disallowed_methods, reason = "the one place that draws randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has random numbers");
    }
}

/// A generator that draws the same bytes for the same seed. For tests only:
/// anybody can predict its secrets.
#[derive(Debug)]
pub struct SeededRandom(Mutex<fastrand::Rng>);

impl SeededRandom {
    /// A generator with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill(bytes);
    }
}

impl dyn Random + '_ {
    /// Returns 256 random bits, as text that fits a URL.
    #[must_use]
    pub fn secret(&self) -> String {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Returns an id as Auth0 makes them: 24 hexadecimal digits.
    #[must_use]
    pub fn object_id(&self) -> String {
        let mut bytes = [0; 12];
        self.fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns a code of six digits, each code equally likely.
    #[must_use]
    pub fn six_digits(&self) -> String {
        loop {
            let mut bytes = [0; 4];
            self.fill(&mut bytes);
            let number = u32::from_le_bytes(bytes);
            // The rest of the range would make some codes likelier.
            if number < u32::MAX - u32::MAX % 1_000_000 {
                return format!("{:06}", number % 1_000_000);
            }
        }
    }

    /// Returns a random UUID (version 4).
    #[must_use]
    pub fn uuid(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, SeededRandom, SystemRandom};

    #[test]
    fn one_seed_draws_one_row_of_secrets() {
        let draw = |seed| {
            let random: &dyn Random = &SeededRandom::new(seed);
            (random.secret(), random.object_id(), random.six_digits(), random.uuid())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_system_draws_no_secret_twice() {
        let random: &dyn Random = &SystemRandom;
        assert_ne!(random.secret(), random.secret());
        assert_ne!(random.uuid(), random.uuid());
    }
}
