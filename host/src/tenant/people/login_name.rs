//! The keys of attempts and of codes, by login.

use crate::directory::Credential;
use crate::tenant::config::Connection;

/// Returns the key of a login in a connection.
pub(crate) fn login_name(connection: &str, login: &str) -> String {
    format!("{connection}\n{login}")
}

/// Returns the key of a credential, which is the same for its address and its username. No typed
/// name can produce this key, because it has one line more.
pub(crate) fn credential_name(credential: &Credential) -> String {
    format!("{}\nauth0|\n{}", credential.connection, credential.user_id)
}

/// Returns the ID of a passwordless identity. It is the same for every login with an address, and
/// does not reveal the address.
pub(crate) fn passwordless_id(connection: &Connection, address: &str) -> String {
    use sha2::{Digest, Sha256};
    // Lowercases ASCII letters only: full Unicode lowercasing maps some letters to ones that people
    // do not consider the same.
    let address = address.to_ascii_lowercase();
    let hash = Sha256::digest(format!("{}\n{address}", connection.name));
    hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
