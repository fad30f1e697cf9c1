//! Passwords: hashing, verification, and limits of attempts.

use std::sync::atomic::{AtomicU32, Ordering};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::ambient::Ambient;
use crate::directory::Credential;
use crate::password_hash::Hash;
use crate::sandbox::{Permit, Semaphore};
use crate::tenant::config::PasswordHash;
use crate::tenant::people::attempts::{Attempt, Attempts, TooMany};

/// The minimum length of a password. Auth0's policy `low` requires 6, `fair` 8.
const MIN_LENGTH: usize = 8;
/// The maximum length of a password, which bounds the time to verify it.
const MAX_LENGTH: usize = 256;
/// The maximum number of passwords that wait to be hashed. Each occupies a thread.
const WAITING: u32 = 64;

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// A hash that no password matches. It is verified for an unknown login, and in addition to a cheaper
    /// hash, so that the response time does not reveal which logins exist.
    unknown_user_hash: String,
    attempts: Attempts,
    /// Limits the number of concurrent hash computations, because each needs memory.
    at_a_time: Semaphore,
    waiting: AtomicU32,
    ambient: Ambient,
}

/// The reason why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordError {
    /// The password is wrong, or the login does not exist.
    Wrong,
    /// A new password is too short or too long.
    Weak,
    /// There were too many attempts.
    TooManyAttempts,
    /// Too many passwords are being hashed already.
    Busy,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordHash, ambient: &Ambient) -> Self {
        let params = Params::new(cost.memory_kib, cost.iterations, cost.lanes, None).unwrap_or_default();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        // No password matches this hash; only its parameters matter.
        let unknown_user_hash = format!(
            "$argon2id$v=19$m={},t={},p={}$bm8gcGFzc3dvcmQgaGFzIGl0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            cost.memory_kib, cost.iterations, cost.lanes
        );
        let cores =
            std::thread::available_parallelism().map_or(2, |it| u32::try_from(it.get()).unwrap_or(u32::MAX));
        Self {
            argon2,
            unknown_user_hash,
            attempts: Attempts::new(ambient),
            at_a_time: Semaphore::new(cores),
            waiting: AtomicU32::new(0),
            ambient: ambient.clone(),
        }
    }

    /// Hashes a new password.
    pub(crate) fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.chars().count() < MIN_LENGTH || password.len() > MAX_LENGTH {
            return Err(PasswordError::Weak);
        }
        let _one_of_few = self.acquire_permit()?;
        hash_with(&self.argon2, password, &self.ambient).ok_or(PasswordError::Weak)
    }

    /// Returns a cheap hash of a password that is written in the configuration. A costly hash would
    /// only slow down each start and each reset, because the password is readable there anyway. The
    /// first login replaces it.
    pub(crate) fn cheap_hash(password: &str, ambient: &Ambient) -> Option<String> {
        let params = Params::new(Params::MIN_M_COST, 1, 1, None).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        hash_with(&argon2, password, ambient)
    }

    /// Checks the password of a login. If the stored hash is cheaper than a new one, or of another kind,
    /// returns a new hash by which to replace it.
    pub(crate) fn check(
        &self,
        attempt: Attempt<'_>,
        credential: Option<&Credential>,
        password: &str,
    ) -> Result<Option<String>, PasswordError> {
        self.attempts.begin(attempt).map_err(|TooMany| PasswordError::TooManyAttempts)?;
        let hash = credential.and_then(|it| it.password.as_deref());
        // An attempt that was rejected as busy does not count as a wrong password.
        let _one_of_few = self.acquire_permit().inspect_err(|_| self.attempts.take_back(attempt))?;
        let compare = |hash| self.matches_hash(hash, password.as_bytes());
        // Every hash is computed, also after one has matched.
        let is_right =
            password.len() <= MAX_LENGTH && self.hashes_to_compare(hash).filter(|it| compare(it)).count() > 0;
        let Some(hash) = hash.filter(|_| is_right) else { return Err(PasswordError::Wrong) };
        self.attempts.succeed(attempt);
        Ok((!self.is_costly(hash)).then(|| hash_with(&self.argon2, password, &self.ambient)).flatten())
    }

    /// Returns the hashes with which a password is compared: the stored one, and for a user who has
    /// none, or a cheaper one than the tenant's, a hash of the tenant's own cost. The response time of
    /// a wrong password is then that of an unknown login.
    fn hashes_to_compare<'a>(&'a self, stored: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        let own = (!stored.is_some_and(|it| self.is_costly(it))).then_some(self.unknown_user_hash.as_str());
        stored.into_iter().chain(own)
    }

    /// Returns whether a stored hash is of the tenant's own kind, and costs at least as much as the
    /// hash of a new password.
    fn is_costly(&self, stored: &str) -> bool {
        let own = self.argon2.params();
        let own = u64::from(own.m_cost()) * u64::from(own.t_cost());
        stored.starts_with("$argon2id$") && work_of(stored).is_some_and(|work| work >= own)
    }

    fn matches_hash(&self, hash: &str, password: &[u8]) -> bool {
        match phc::PasswordHash::new(hash) {
            Ok(hash) if hash.algorithm.as_str().starts_with("argon2") => {
                self.argon2.verify_password(password, &hash).is_ok()
            }
            _ => Hash::parse(hash).is_ok_and(|hash| hash.matches(password)),
        }
    }

    /// Resets the count of failed attempts of a login, because its password was changed.
    pub(crate) fn reset_attempts(&self, login: &str) {
        self.attempts.reset(login);
    }

    fn acquire_permit(&self) -> Result<Permit<'_>, PasswordError> {
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst);
        let inside = (waiting < WAITING).then(|| self.at_a_time.acquire());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        inside.ok_or(PasswordError::Busy)
    }
}

/// Returns the KiB of memory times the passes of an Argon2 hash.
fn work_of(hash: &str) -> Option<u64> {
    let params = Params::try_from(&phc::PasswordHash::new(hash).ok()?).ok()?;
    Some(u64::from(params.m_cost()) * u64::from(params.t_cost()))
}

/// Hashes a password with a new salt.
fn hash_with(argon2: &Argon2<'_>, password: &str, ambient: &Ambient) -> Option<String> {
    let mut salt = [0; 16];
    ambient.random().fill(&mut salt);
    argon2.hash_password_with_salt(password.as_bytes(), &salt).ok().map(|hash| hash.to_string())
}

#[cfg(test)]
mod tests {
    use crate::ambient::Ambient;
    use crate::directory::Credential;
    use crate::tenant::people::passwords::{Attempt, PasswordError, PasswordHash, Passwords, work_of};

    fn with_hash(hash: &str) -> Credential {
        Credential {
            connection: "db".to_owned(),
            user_id: "1".to_owned(),
            email: None,
            username: Some("ada".to_owned()),
            password: Some(hash.to_owned()),
        }
    }

    #[test]
    fn an_imported_password_is_hashed_again_when_it_is_typed() {
        let passwords =
            Passwords::new(PasswordHash { memory_kib: 64, iterations: 1, lanes: 1 }, &Ambient::system());
        let attempt = Attempt { login: "ada", sender: "192.0.2.1", exists: true };
        let check =
            |credential: &Credential, password: &str| passwords.check(attempt, Some(credential), password);
        let imported = with_hash("$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS");
        assert_eq!(check(&imported, "another password"), Err(PasswordError::Wrong));
        let fresh = check(&imported, "correct horse battery").unwrap().expect("it is hashed again");
        assert!(fresh.starts_with("$argon2id$"), "{fresh}");
        assert_eq!(check(&with_hash(&fresh), "correct horse battery"), Ok(None));
        assert_eq!(check(&with_hash(&fresh), "another password"), Err(PasswordError::Wrong));
        // A hash with a cost above the import limit is rejected without computing it.
        assert_eq!(
            check(&with_hash("$2b$31$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"), "x"),
            Err(PasswordError::Wrong)
        );
        assert_eq!(check(&with_hash("nonsense"), "x"), Err(PasswordError::Wrong));
    }

    /// Returns the memory times passes of all hashes that a password is compared with.
    fn sum_work(passwords: &Passwords, stored: Option<&str>) -> u64 {
        let work = |hash: &str| work_of(hash).expect("a hash of argon2id");
        passwords.hashes_to_compare(stored).map(work).sum()
    }

    #[test]
    fn a_check_costs_the_same_for_configured_and_unknown_users() {
        let cost = PasswordHash { memory_kib: 1_024, iterations: 2, lanes: 1 };
        let passwords = Passwords::new(cost, &Ambient::system());
        let signed_up = passwords.hash("a password").unwrap();
        let configured = Passwords::cheap_hash("a password", &Ambient::system()).unwrap();
        let own = u64::from(cost.memory_kib * cost.iterations);
        assert_eq!(sum_work(&passwords, None), own);
        assert_eq!(sum_work(&passwords, Some(&signed_up)), own);
        let work = sum_work(&passwords, Some(&configured));
        assert!((own..own + own / 100).contains(&work), "{work} instead of {own}");
        // No other kind and no broken hash is a shortcut.
        for stored in [
            "$sha256$salt=prefix$AAAA$AAAA",
            "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "",
        ] {
            let last = passwords.hashes_to_compare(Some(stored)).last();
            assert_eq!(last.and_then(work_of), Some(own), "{stored}");
        }
    }

    #[test]
    fn a_cheaper_hash_is_replaced_when_its_password_is_typed() {
        let of_cost = |memory_kib| {
            Passwords::new(PasswordHash { memory_kib, iterations: 1, lanes: 1 }, &Ambient::system())
        };
        let passwords = of_cost(64);
        let attempt = Attempt { login: "ada", sender: "192.0.2.1", exists: true };
        let check = |hash: &str, password: &str| passwords.check(attempt, Some(&with_hash(hash)), password);
        let cheap = Passwords::cheap_hash("a password", &Ambient::system()).unwrap();
        assert_eq!(check(&cheap, "another password"), Err(PasswordError::Wrong));
        let fresh = check(&cheap, "a password").unwrap().expect("it is hashed again");
        assert_eq!(work_of(&fresh), Some(64));
        assert_eq!(check(&fresh, "a password"), Ok(None));
        assert_eq!(check(&of_cost(128).hash("a password").unwrap(), "a password"), Ok(None));
    }

    #[test]
    fn a_password_is_as_long_as_its_characters() {
        let passwords =
            Passwords::new(PasswordHash { memory_kib: 64, iterations: 1, lanes: 1 }, &Ambient::system());
        for (password, is_fit) in
            [("12345678", true), ("1234567", false), ("éééééééé", true), ("ééééééé", false)]
        {
            assert_eq!(passwords.hash(password).is_ok(), is_fit, "{password}");
        }
    }
}
