//! Passwords: hashed, checked, and not tried for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use moka::sync::Cache;

use super::config::PasswordHash;
use crate::directory::Credential;
use crate::sandbox::Turnstile;

/// Failed attempts before a login has to wait.
///
/// Source: Auth0, "Brute-force protection", default.
const ATTEMPTS: u32 = 10;
const WAIT: Duration = Duration::from_secs(600);
/// Auth0's policy `low` asks for 6, `fair` for 8.
const MIN_LENGTH: usize = 8;
/// Longer ones cost whoever checks them.
const MAX_LENGTH: usize = 256;

/// Hashes and checks passwords.
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    /// Of no password: checked where there is none, so that the time does not
    /// tell who is there.
    nobody: String,
    failed: Cache<String, Arc<AtomicU32>>,
    /// Each hash takes its memory.
    at_a_time: Turnstile,
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is wrong, or there is no such login.
    Password,
    /// It was tried too often.
    TooManyAttempts,
}

impl Passwords {
    pub(super) fn new(cost: PasswordHash) -> Self {
        let params = Params::new(cost.memory_kib, cost.iterations, cost.lanes, None).unwrap_or_default();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        // No password has this hash; the parameters are what matters.
        let nobody = format!(
            "$argon2id$v=19$m={},t={},p={}$bm8gcGFzc3dvcmQgaGFzIGl0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            cost.memory_kib, cost.iterations, cost.lanes
        );
        let cores = std::thread::available_parallelism()
            .map_or(2, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
        Self {
            argon2,
            nobody,
            failed: Cache::builder().max_capacity(100_000).time_to_live(WAIT).build(),
            at_a_time: Turnstile::new(cores),
        }
    }

    /// A new password's hash; none where the password is too weak.
    pub(super) fn hash(&self, password: &str) -> Option<String> {
        let is_fit = (MIN_LENGTH..=MAX_LENGTH).contains(&password.len());
        if !is_fit {
            return None;
        }
        let _one_of_few = self.at_a_time.enter();
        self.argon2.hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
    }

    /// The hash of a password that stands in the configuration, for everybody to
    /// read: a costly one would only make each start slower.
    pub(super) fn cheap_hash(password: &str) -> Option<String> {
        let params = Params::new(Params::MIN_M_COST, 1, 1, None).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
    }

    /// Whether it is this login's password. `login` is what was typed, with its
    /// connection.
    pub(super) fn check(
        &self,
        login: &str,
        credential: Option<&Credential>,
        password: &str,
    ) -> Result<(), Wrong> {
        let failed = self.failed.get_with(login.to_lowercase(), Arc::default);
        if failed.load(Ordering::Relaxed) >= ATTEMPTS {
            return Err(Wrong::TooManyAttempts);
        }
        let hash = credential.and_then(|it| it.password.as_deref());
        let _one_of_few = self.at_a_time.enter();
        let is_right = password.len() <= MAX_LENGTH
            && phc::PasswordHash::new(hash.unwrap_or(&self.nobody))
                .is_ok_and(|hash| self.argon2.verify_password(password.as_bytes(), &hash).is_ok());
        if is_right && hash.is_some() {
            self.failed.invalidate(&login.to_lowercase());
            return Ok(());
        }
        failed.fetch_add(1, Ordering::Relaxed);
        Err(Wrong::Password)
    }

    /// Lets a login be tried again, once its password is another.
    pub(super) fn forgive(&self, login: &str) {
        self.failed.invalidate(&login.to_lowercase());
    }
}
