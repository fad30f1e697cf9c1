//! Credentials: what users of a database connection log in with.

use std::fmt;

use crate::model::{ApiError, IdentityKey, User, mask_addresses};

/// The provider of every database connection's identities.
pub(super) const PROVIDER: &str = "auth0";

/// The login of an identity at a database connection: address or username, and
/// password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The connection's name, as the identity has it.
    pub connection: String,
    /// The identity's id, without `auth0|`.
    pub user_id: String,
    /// The address, if the connection uses addresses. Stored in ASCII lower case.
    pub email: Option<String>,
    /// The username, if the connection uses usernames; never an address. Stored in ASCII
    /// lower case.
    pub username: Option<String>,
    /// The password's hash as a PHC string; none if there is no password yet.
    pub password: Option<String>,
}

/// Leaves out the hash, and masks reserved domains too, which [`mask_addresses`] does
/// not.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |text: &str| text.chars().next().map_or_else(String::new, String::from);
        let email = self.email.as_deref().map(|email| match email.rsplit_once('@') {
            Some((local, domain)) => format!("{}…@{domain}", first(local)),
            None => format!("{}…", first(email)),
        });
        f.debug_struct("Credential")
            .field("connection", &self.connection)
            .field("user_id", &mask_addresses(&self.user_id))
            .field("email", &email)
            .field("username", &self.username.as_deref().map(mask_addresses))
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}

impl Credential {
    /// The names that a user may enter to log in: the address and the username.
    pub(super) fn logins(&self) -> impl Iterator<Item = &str> {
        [&self.email, &self.username].into_iter().flatten().map(String::as_str)
    }

    /// The key of the identity that the credential belongs to.
    pub(super) fn identity_key(&self) -> IdentityKey<'_> {
        IdentityKey { connection: &self.connection, provider: PROVIDER, user_id: &self.user_id }
    }

    /// The user id of the identity, as if it stood alone.
    pub(super) fn as_user_id(&self) -> String {
        format!("{PROVIDER}|{}", self.user_id)
    }
}

/// Returns whether a login name is an address; otherwise it is a username. No text is
/// both, so that no username can equal another user's address.
pub(super) fn is_address(login: &str) -> bool {
    login.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// Validates a credential, and converts its address and username to lower case.
pub(super) fn validate(credential: &Credential) -> Result<Credential, ApiError> {
    let lower = |login: &Option<String>| login.as_ref().map(|login| login.to_ascii_lowercase());
    let credential = Credential {
        email: lower(&credential.email),
        username: lower(&credential.username),
        ..credential.clone()
    };
    let Credential { connection, user_id, email, username, password } = &credential;
    let invalid = |why: &str| Err(ApiError::Invalid(why.to_owned()));
    if connection.is_empty() || user_id.is_empty() {
        return invalid("a credential needs a connection and an identity's id");
    }
    if email.as_deref().is_some_and(|email| !is_address(email)) {
        return invalid("the address of a credential is not an e-mail address");
    }
    if username.as_deref().is_some_and(|username| username.is_empty() || is_address(username)) {
        return invalid("a username is neither empty nor an address");
    }
    // The same limit as for users: two of these texts form one key of an index.
    const KEY: usize = 1024;
    let keys = [Some(connection), Some(user_id), email.as_ref(), username.as_ref()];
    if keys.iter().flatten().any(|key| key.len() > KEY) {
        return Err(ApiError::Invalid(format!("a key of the credential is longer than {KEY} bytes")));
    }
    if keys.into_iter().chain([password.as_ref()]).flatten().any(|text| text.chars().any(char::is_control)) {
        return invalid("there is a control character in the credential");
    }
    Ok(credential)
}

/// Fails unless the credential belongs to one of the user's identities.
pub(super) fn require_identity(user: &User, credential: &Credential) -> Result<(), ApiError> {
    if user.identities.iter().any(|identity| identity.key() == credential.identity_key()) {
        return Ok(());
    }
    Err(ApiError::Invalid(format!(
        "{} has no identity {} of the connection `{}`",
        user.user_id,
        credential.as_user_id(),
        credential.connection
    )))
}

#[cfg(test)]
mod tests {
    use super::{Credential, is_address};

    #[test]
    fn what_is_printed_holds_no_hash_and_no_address() {
        let credential = Credential {
            connection: "users".to_owned(),
            user_id: "ada@corp.com".to_owned(),
            email: Some("ada@example.com".to_owned()),
            username: Some("lovelace".to_owned()),
            password: Some("$argon2id$v=19$secret".to_owned()),
        };
        let printed = format!("{credential:?}");
        for secret in ["ada@", "argon2id", "secret"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(printed.contains(r#"Some("a…@example.com")"#), "{printed}");
    }

    #[test]
    fn a_login_is_an_address_or_a_username() {
        for address in ["a@b", "a@b@c", "ada@example.com"] {
            assert!(is_address(address), "{address}");
        }
        for username in ["", "ada", "@ada", "ada@", "@"] {
            assert!(!is_address(username), "{username}");
        }
    }
}
