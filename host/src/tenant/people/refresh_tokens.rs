//! Refresh tokens and their rotation: each token is valid once and is replaced by the next. Using a
//! token a second time ends its whole family.
//!
//! Source: RFC 9700, 4.14.2; Auth0, "Refresh token rotation".

use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ambient::Ambient;
use crate::model::Timestamp;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::store::per_owner::{Owned, PerOwner};
use crate::tenant::store::weight::Weighed;

/// The maximum number of refresh tokens per identity. Beyond it, the oldest ends.
///
/// Source: Auth0, "Refresh token limits": 200 for a user and an application.
const MOST: usize = 200;

/// The grant that a refresh token renews.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// The user to whom the first token was issued.
    pub(crate) user_id: String,
    /// The time at which the first token was issued.
    pub(crate) at: Timestamp,
    pub(crate) proved: ProvedIdentity,
    pub(crate) scope: String,
    pub(crate) audience: Option<String>,
    pub(crate) session: Option<String>,
    /// The name of the grant of the code for which the first token was issued.
    pub(crate) code_grant: Option<String>,
}

/// The valid refresh tokens.
pub(crate) struct RefreshTokens {
    families: PerOwner<Arc<Family>>,
    ambient: Ambient,
}

/// The successive tokens of one login. Only the last is valid.
struct Family {
    grant: Grant,
    /// The SHA-256 of the valid token.
    good: Mutex<[u8; 32]>,
}

/// Stored in place of the hash when a family has ended, so that no token of it is valid, even for
/// threads that still hold the family.
const ENDED: [u8; 32] = [0; 32];

impl Family {
    fn end(&self) {
        *self.good.lock().unwrap_or_else(PoisonError::into_inner) = ENDED;
    }
}

impl Weighed for Family {
    fn bytes(&self) -> usize {
        let Grant { issuer, client_id, user_id, scope, audience, session, code_grant, proved, at: _ } =
            &self.grant;
        issuer.len()
            + client_id.len()
            + user_id.len()
            + scope.len()
            + audience.bytes()
            + session.bytes()
            + code_grant.bytes()
            + proved.bytes()
    }
}

impl Owned for Arc<Family> {
    fn owner(&self) -> &str {
        &self.grant.proved.user.user_id
    }
}

/// The reason why a refresh token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshError {
    /// The token does not exist, or has expired.
    Unknown,
    /// The token was used before. Its family has ended, so that a stolen copy is useless, too.
    Reused,
}

impl RefreshTokens {
    pub(crate) fn new(lifetime_s: u64, ambient: &Ambient) -> Self {
        Self { families: PerOwner::new(MOST, lifetime_s, ambient), ambient: ambient.clone() }
    }

    /// Issues the first token of a family. Returns the token and the name of the family.
    pub(crate) fn issue(&self, grant: Grant) -> (String, String) {
        let random = self.ambient.random();
        let (family, name) = (random.secret(), random.secret());
        self.families.put(&family, Arc::new(Family { grant, good: Mutex::new(hash_name(&name)) }));
        (format!("{family}.{name}"), family)
    }

    /// Returns the grant of a token, if `is_for` accepts it.
    pub(crate) fn find_grant(
        &self,
        token: &str,
        is_for: impl FnOnce(&Grant) -> bool,
    ) -> Result<Grant, RefreshError> {
        self.get_family(token, |known, _| {
            if is_for(&known.grant) { Ok(known.grant.clone()) } else { Err(RefreshError::Unknown) }
        })
    }

    /// Replaces a token by the next one and returns that. The family's lifetime begins again.
    pub(crate) fn rotate(&self, token: &str) -> Result<String, RefreshError> {
        self.get_family(token, |known, good| {
            let family = token.split_once('.').map_or("", |(family, _)| family);
            let next = self.ambient.random().secret();
            *good = hash_name(&next);
            self.families.put(family, known.clone());
            Ok(format!("{family}.{next}"))
        })
    }

    fn get_family<T>(
        &self,
        token: &str,
        what: impl FnOnce(&Arc<Family>, &mut [u8; 32]) -> Result<T, RefreshError>,
    ) -> Result<T, RefreshError> {
        let (family, name) = token.split_once('.').ok_or(RefreshError::Unknown)?;
        let known = self.families.get(family).ok_or(RefreshError::Unknown)?;
        let mut good = known.good.lock().unwrap_or_else(PoisonError::into_inner);
        if bool::from(good.ct_eq(&hash_name(name))) {
            return what(&known, &mut good);
        }
        let is_over = *good == ENDED;
        *good = ENDED;
        self.families.remove(family);
        Err(if is_over { RefreshError::Unknown } else { RefreshError::Reused })
    }

    /// Ends the family of a token.
    pub(crate) fn revoke_token(&self, token: &str) {
        token.split_once('.').into_iter().for_each(|(family, _)| self.revoke(family));
    }

    /// Ends a family.
    pub(crate) fn revoke(&self, family: &str) {
        if let Some(known) = self.families.get(family) {
            known.end();
        }
        self.families.remove(family);
    }

    /// Ends the families of an identity whose grants match. Returns their number.
    pub(crate) fn end_where(&self, identity: &str, is_so: impl Fn(&Grant) -> bool) -> usize {
        let families = self.families.list_by_owner(identity);
        let ended = families.iter().filter(|(_, family)| is_so(&family.grant));
        ended.inspect(|(name, _)| self.revoke(name)).count()
    }

    /// Returns the grants of an identity, the oldest first, with the names of the families.
    pub(crate) fn list_by_identity(&self, identity: &str) -> Vec<(String, Grant)> {
        self.families
            .list_by_owner(identity)
            .into_iter()
            .map(|(family, known)| (family, known.grant.clone()))
            .collect()
    }
}

fn hash_name(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::ambient::Ambient;
    use crate::model::{Moment, Timestamp, User};
    use crate::tenant::people::proved_identity::ProvedIdentity;
    use crate::tenant::people::refresh_tokens::{Grant, RefreshError, RefreshTokens};
    use crate::tenant::store::test_clock::at_ten;

    fn issued() -> (RefreshTokens, String) {
        issued_by(&Ambient::system())
    }

    fn issued_by(ambient: &Ambient) -> (RefreshTokens, String) {
        let proved = ProvedIdentity {
            connection: "db".to_owned(),
            user: User::default(),
            method: "pwd",
            at: Timestamp::default(),
            factors: Vec::new(),
            began: Moment::default(),
            by: None,
        };
        let grant = Grant {
            issuer: "http://localhost/".to_owned(),
            client_id: "spa".to_owned(),
            user_id: String::new(),
            at: Timestamp::default(),
            proved,
            scope: String::new(),
            audience: None,
            session: None,
            code_grant: None,
        };
        let tokens = RefreshTokens::new(60, ambient);
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
    fn a_token_expires_at_its_last_millisecond_and_a_rotation_renews_its_time() {
        let (clock, ambient) = at_ten();
        let (tokens, first) = issued_by(&ambient);
        clock.advance(Duration::from_millis(59_999));
        let second = tokens.rotate(&first).unwrap();
        clock.advance(Duration::from_millis(59_999));
        assert!(tokens.find_grant(&second, |_| true).is_ok());
        clock.advance(Duration::from_millis(1));
        assert_eq!(tokens.find_grant(&second, |_| true).unwrap_err(), RefreshError::Unknown);
    }

    #[test]
    fn a_token_that_comes_back_ends_its_family() {
        let (tokens, first) = issued();
        let second = tokens.rotate(&first).unwrap();
        assert_eq!(tokens.rotate(&first).unwrap_err(), RefreshError::Reused);
        assert_eq!(tokens.find_grant(&second, |_| true).unwrap_err(), RefreshError::Unknown);
    }

    #[test]
    fn another_client_neither_gets_nor_ends_it() {
        let (tokens, first) = issued();
        assert_eq!(
            tokens.find_grant(&first, |grant| grant.client_id == "web").unwrap_err(),
            RefreshError::Unknown
        );
        assert!(tokens.find_grant(&first, |_| true).is_ok());
    }

    #[test]
    fn of_two_who_look_at_one_token_one_gets_the_next() {
        let (tokens, first) = issued();
        assert!(tokens.find_grant(&first, |_| true).is_ok() && tokens.find_grant(&first, |_| true).is_ok());
        assert!(tokens.rotate(&first).is_ok());
        assert_eq!(tokens.rotate(&first).unwrap_err(), RefreshError::Reused);
    }
}
