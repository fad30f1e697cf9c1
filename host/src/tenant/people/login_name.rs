//! Names that logins are counted and remembered by.

use crate::directory::Credential;
use crate::tenant::config::Connection;

/// A login, unlike others of the same name elsewhere.
pub(crate) fn login_name(connection: &str, login: &str) -> String {
    format!("{connection}\n{login}")
}

/// The login of a credential, whichever of its names is typed. No name that is
/// typed is one: it has a line of its own.
pub(crate) fn credential_name(credential: &Credential) -> String {
    format!("{}\nauth0|\n{}", credential.connection, credential.user_id)
}

/// The id of a passwordless identity: the same whenever the same address logs
/// in, and telling nobody which one that is.
pub(crate) fn passwordless_id(connection: &Connection, address: &str) -> String {
    use sha2::{Digest, Sha256};
    // Of ASCII letters only: elsewhere, other letters than a person would think
    // have one lower case.
    let address = address.to_ascii_lowercase();
    let hash = Sha256::digest(format!("{}\n{address}", connection.name));
    hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
