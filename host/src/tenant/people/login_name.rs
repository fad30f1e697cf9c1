//! The keys under which attempts and codes of a login are kept.

use crate::directory::Credential;
use crate::tenant::config::Connection;

/// Returns the key of a login in a connection.
pub(crate) fn login_name(connection: &str, login: &str) -> String {
    format!("{connection}\n{login}")
}

/// Returns the key of a credential, whichever of its names is typed. No typed name has
/// this key, because it contains a line of its own.
pub(crate) fn credential_name(credential: &Credential) -> String {
    format!("{}\nauth0|\n{}", credential.connection, credential.user_id)
}

/// Returns the id of a passwordless identity. It is the same for every login of an
/// address, and does not reveal the address.
pub(crate) fn passwordless_id(connection: &Connection, address: &str) -> String {
    use sha2::{Digest, Sha256};
    // Of ASCII letters only: elsewhere, other letters than a person would think
    // have one lower case.
    let address = address.to_ascii_lowercase();
    let hash = Sha256::digest(format!("{}\n{address}", connection.name));
    hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
