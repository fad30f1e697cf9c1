//! The `jti` of a user's token. It contains the moment at which the login began, the name of the grant
//! for which it was issued, if that was a code, and a salted hash of the identity. `iat` is not sufficient, because it has only seconds and may be later than the
//! revocation that ended the login; nor is `sub`, because it names the account, which may have lost
//! the identity since.

use sha2::{Digest, Sha256};

use crate::model::{Identity, Moment, User};
use crate::random::Random;

/// The content of a `jti`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenId {
    began: Moment,
    salt: String,
    /// A salted hash of the identity, so that the token does not reveal the identity.
    mark: String,
}

impl TokenId {
    /// Creates the `jti` of a token, for a login by this identity (`provider|id`) that began at
    /// this moment. `grant` names the grant of a code.
    pub(crate) fn issue(identity: &str, began: Moment, grant: Option<&str>, random: &dyn Random) -> String {
        // The grant is a part of the salt, so that every token has the same three parts.
        let salt =
            grant.map_or_else(|| random.object_id(), |grant| format!("{grant}.{}", random.object_id()));
        let mark = hash_identity(&salt, identity);
        format!("{:x}-{salt}-{mark}", began.as_micros())
    }

    /// Parses a `jti`. Returns `None` for any other format.
    pub(crate) fn parse(jti: &str) -> Option<Self> {
        let mut parts = jti.split('-');
        let (micros, salt, mark) = (parts.next()?, parts.next()?, parts.next()?);
        let began = Moment::from_micros(u64::from_str_radix(micros, 16).ok()?);
        let is_whole = parts.next().is_none();
        is_whole.then(|| Self { began, salt: salt.to_owned(), mark: mark.to_owned() })
    }

    /// Returns the moment at which the login began.
    pub(crate) fn began(&self) -> Moment {
        self.began
    }

    /// Returns the name of the grant, if the token was issued for a code.
    pub(crate) fn grant(&self) -> Option<&str> {
        self.salt.split_once('.').map(|(grant, _)| grant)
    }

    /// Returns whether the token was issued to the main identity of the user.
    pub(crate) fn is_of_main_identity_of(&self, user: &User) -> bool {
        user.identities.first().is_some_and(|main| hash_identity(&self.salt, &main.as_user_id()) == self.mark)
    }

    /// Returns the identity (`provider|id`) of the user to which the token was issued, if the user has
    /// it.
    pub(crate) fn find_identity(&self, user: &User) -> Option<String> {
        let is_it = |it: &String| hash_identity(&self.salt, it) == self.mark;
        user.identities.iter().map(Identity::as_user_id).find(is_it)
    }
}

fn hash_identity(salt: &str, identity: &str) -> String {
    let hash = Sha256::digest(format!("{salt}\n{identity}"));
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use crate::model::{Moment, User};
    use crate::random::SystemRandom;
    use crate::tenant::signing::token_id::TokenId;

    #[test]
    fn a_token_knows_its_identity_and_its_place_in_time() {
        let began = Moment::from_micros(1_795_687_200_000_000);
        let jti = TokenId::issue("google-oauth2|1080", began, None, &SystemRandom);
        let id = TokenId::parse(&jti).unwrap();
        assert_eq!((id.began(), id.grant()), (began, None));
        let user = |identities: &str| {
            let text = format!(r#"{{"user_id": "auth0|1", "identities": [{identities}]}}"#);
            serde_json::from_str::<User>(&text).unwrap()
        };
        let own = r#"{"provider": "auth0", "user_id": "1", "connection": "db"}"#;
        let google = r#"{"provider": "google-oauth2", "user_id": "1080", "connection": "google-oauth2"}"#;
        let found = id.find_identity(&user(&format!("{own}, {google}")));
        assert_eq!(found.as_deref(), Some("google-oauth2|1080"));
        assert_eq!(id.find_identity(&user(own)), None);
        assert!(id.is_of_main_identity_of(&user(google)));
        assert!(!id.is_of_main_identity_of(&user(&format!("{own}, {google}"))));
        assert!(!jti.contains("1080"));
    }

    #[test]
    fn a_token_of_a_code_knows_its_grant() {
        let began = Moment::from_micros(1_795_687_200_000_000);
        let user = r#"{"user_id": "auth0|1", "identities": [{"provider": "auth0", "user_id": "1", "connection": "db"}]}"#;
        let user: User = serde_json::from_str(user).unwrap();
        let ids = [(); 2].map(|()| TokenId::issue("auth0|1", began, Some("a1b2"), &SystemRandom));
        assert_ne!(ids[0], ids[1]);
        for jti in ids {
            let id = TokenId::parse(&jti).unwrap();
            assert_eq!((id.began(), id.grant()), (began, Some("a1b2")));
            assert!(id.find_identity(&user).is_some() && id.is_of_main_identity_of(&user));
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "x", "1-2", "1-2-3-4", "zz-2-3", "-2-3", "fffffffffffffffff-2-3"] {
            assert_eq!(TokenId::parse(text), None, "{text}");
        }
    }
}
