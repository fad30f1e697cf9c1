//! The keys under which attempts and mailed codes are stored, by identifier: the address, username
//! or phone number that a user types to log in.

use crate::directory::Credential;
use crate::tenant::config::Connection;

/// Returns the key of an identifier in a connection.
pub(crate) fn identifier_key(connection: &str, identifier: &str) -> String {
    format!("{connection}\n{identifier}")
}

/// Returns the key of a credential, which is the same for its address and its username. No typed
/// identifier can produce this key, because it has one line more.
pub(crate) fn credential_key(credential: &Credential) -> String {
    format!("{}\nauth0|\n{}", credential.connection, credential.user_id)
}

/// Returns the ID of a passwordless identity. It is the same for every login with an address, and
/// does not reveal the address.
pub(crate) fn derive_passwordless_id(connection: &Connection, address: &str) -> String {
    use sha2::{Digest, Sha256};
    // Lowercases ASCII letters only: full Unicode lowercasing maps some letters to ones that people
    // do not consider the same.
    let address = address.to_ascii_lowercase();
    let hash = Sha256::digest(format!("{}\n{address}", connection.name));
    hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
