//! A user's ways to log in, as the account page shows them.

use sha2::{Digest, Sha256};

use crate::directory::{Entry, EntryKind};
use crate::model::{Identity, IdentityKey, Timestamp, User};
use crate::tenant::config::Config;
use crate::tenant::notices::words::{find_contact, format_time, label_identity, mask_contact};

/// A way to log in.
pub(super) struct Method<'a> {
    pub(super) label: &'a str,
    /// The masked address or phone number.
    pub(super) contact: Option<String>,
    pub(super) is_main: bool,
    pub(super) added: Option<String>,
    pub(super) last_used: Option<String>,
    /// The digest that names the identity in addresses of pages.
    pub(super) digest: String,
}

/// Lists a user's ways to log in, the main one first. `links` are entries of the journal, the
/// newest first.
pub(super) fn list_methods<'a>(config: &'a Config, user: &'a User, links: &[Entry]) -> Vec<Method<'a>> {
    let describe = |(place, identity): (usize, &'a Identity)| Method {
        label: label_identity(config, identity),
        contact: find_contact(user, identity).map(mask_contact),
        is_main: place == 0,
        added: if place == 0 { user.created_at } else { find_link(user, identity, links) }.map(format_time),
        last_used: find_last_use(identity).map(format_time),
        digest: digest_identity(identity.key()),
    };
    user.identities.iter().enumerate().map(describe).collect()
}

/// Returns the last use of an identity. `None` if it is not known: directories record only the
/// last login of a user.
fn find_last_use(_: &Identity) -> Option<Timestamp> {
    None
}

/// Returns the time of the link that added an identity, if the journal has it.
fn find_link(user: &User, identity: &Identity, links: &[Entry]) -> Option<Timestamp> {
    let id = identity.as_user_id();
    let is_meant = |entry: &&Entry| {
        entry.kind == EntryKind::Link
            && entry.undone.is_none()
            && entry.primary == user.user_id
            && entry.secondary == id
    };
    links.iter().find(is_meant).map(|entry| entry.at)
}

/// Returns the digest that names an identity in the address of a page, which does not show its id.
pub(super) fn digest_identity(key: IdentityKey<'_>) -> String {
    let mut hash = Sha256::new();
    for part in [key.connection, key.provider, key.user_id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
