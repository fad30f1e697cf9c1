//! Refresh tokens: each is good once and gives way to the next; one that comes
//! back ends them all.
//!
//! Source: RFC 9700, 4.14.2; Auth0, "Refresh token rotation".

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::login::Proved;
use super::random::secret;
use crate::login::Timestamp;

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) issuer: String,
    pub(super) client_id: String,
    /// When it was first issued.
    pub(super) at: Timestamp,
    pub(super) proved: Proved,
    pub(super) scope: String,
    pub(super) audience: Option<String>,
    pub(super) session: Option<String>,
}

/// The refresh tokens that are out.
pub(super) struct RefreshTokens(Cache<String, Arc<Mutex<Family>>>);

struct Family {
    grant: Grant,
    /// SHA-256 of the one that is good.
    good: [u8; 32],
}

/// Why a refresh token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// There is none, or it has expired.
    Unknown,
    /// It had been used: whoever has a copy is out now, too.
    Reused,
}

impl RefreshTokens {
    pub(super) fn new(lifetime_s: u64) -> Self {
        let idle = Duration::from_secs(lifetime_s);
        Self(
            Cache::builder()
                .max_capacity(100_000)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(idle)
                .build(),
        )
    }

    /// The first token of a family, whose name is returned with it.
    pub(super) fn issue(&self, grant: Grant) -> (String, String) {
        let (family, name) = (secret(), secret());
        self.0.insert(family.clone(), Arc::new(Mutex::new(Family { grant, good: hash(&name) })));
        (format!("{family}.{name}"), family)
    }

    /// What a token stands for, if `is_for` finds that it is whose it should be.
    pub(super) fn look(&self, token: &str, is_for: impl FnOnce(&Grant) -> bool) -> Result<Grant, NotTaken> {
        self.good(
            token,
            |known| if is_for(&known.grant) { Ok(known.grant.clone()) } else { Err(NotTaken::Unknown) },
        )
    }

    /// The token that takes this one's place.
    pub(super) fn rotate(&self, token: &str) -> Result<String, NotTaken> {
        self.good(token, |known| {
            let next = secret();
            known.good = hash(&next);
            Ok(format!("{}.{next}", token.split_once('.').map_or("", |(family, _)| family)))
        })
    }

    fn good<T>(
        &self,
        token: &str,
        what: impl FnOnce(&mut Family) -> Result<T, NotTaken>,
    ) -> Result<T, NotTaken> {
        let (family, name) = token.split_once('.').ok_or(NotTaken::Unknown)?;
        let known = self.0.get(family).ok_or(NotTaken::Unknown)?;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if bool::from(known.good.ct_eq(&hash(name))) {
            return what(&mut known);
        }
        self.0.invalidate(family);
        // Whoever waits for the lock finds a family that is good for none.
        known.good = [0; 32];
        Err(NotTaken::Reused)
    }

    /// Ends the family of a token.
    pub(super) fn revoke_token(&self, token: &str) {
        token.split_once('.').into_iter().for_each(|(family, _)| self.revoke(family));
    }

    /// Ends a family.
    pub(super) fn revoke(&self, family: &str) {
        self.0.invalidate(family);
    }
}

fn hash(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

#[cfg(test)]
mod tests {
    use super::{Grant, NotTaken, RefreshTokens};
    use crate::login::{Timestamp, User};
    use crate::tenant::login::Proved;

    fn issued() -> (RefreshTokens, String) {
        let proved = Proved {
            connection: "db".to_owned(),
            user: User::default(),
            method: "pwd",
            at: Timestamp::default(),
        };
        let grant = Grant {
            issuer: "http://localhost/".to_owned(),
            client_id: "spa".to_owned(),
            at: Timestamp::default(),
            proved,
            scope: String::new(),
            audience: None,
            session: None,
        };
        let tokens = RefreshTokens::new(60);
        let token = tokens.issue(grant).0;
        (tokens, token)
    }

    #[test]
    fn a_token_gives_way_to_the_next() {
        let (tokens, first) = issued();
        let second = tokens.rotate(&first).unwrap();
        let third = tokens.rotate(&second).unwrap();
        assert!(first != second && second != third);
    }

    #[test]
    fn a_token_that_comes_back_ends_its_family() {
        let (tokens, first) = issued();
        let second = tokens.rotate(&first).unwrap();
        assert_eq!(tokens.rotate(&first).unwrap_err(), NotTaken::Reused);
        assert_eq!(tokens.look(&second, |_| true).unwrap_err(), NotTaken::Unknown);
    }

    #[test]
    fn another_client_neither_gets_nor_ends_it() {
        let (tokens, first) = issued();
        assert_eq!(tokens.look(&first, |grant| grant.client_id == "web").unwrap_err(), NotTaken::Unknown);
        assert!(tokens.look(&first, |_| true).is_ok());
    }

    #[test]
    fn of_two_who_look_at_one_token_one_gets_the_next() {
        let (tokens, first) = issued();
        assert!(tokens.look(&first, |_| true).is_ok() && tokens.look(&first, |_| true).is_ok());
        assert!(tokens.rotate(&first).is_ok());
        assert_eq!(tokens.rotate(&first).unwrap_err(), NotTaken::Reused);
    }
}
