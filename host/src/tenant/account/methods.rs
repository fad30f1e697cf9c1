//! A user's ways to log in, as the account page shows them.

use std::fmt;

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

/// The times at which a user's ways to log in were added and used.
#[derive(Default)]
pub(super) struct Times {
    /// Entries of the journal, the newest first.
    pub(super) links: Vec<Entry>,
    /// The last login of each identity, in their order.
    pub(super) uses: Vec<Option<Timestamp>>,
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label)?;
        self.contact.as_ref().map_or(Ok(()), |contact| write!(f, " {contact}"))
    }
}

/// Lists a user's ways to log in, the main one first.
pub(super) fn list_methods<'a>(config: &'a Config, user: &'a User, times: &Times) -> Vec<Method<'a>> {
    let describe = |(place, identity): (usize, &'a Identity)| Method {
        label: label_identity(config, identity),
        contact: find_contact(user, identity).map(mask_contact),
        is_main: place == 0,
        added: if place == 0 { user.created_at } else { find_link(user, identity, &times.links) }
            .map(format_time),
        last_used: times.uses.get(place).copied().flatten().or(find_only_use(user, times)).map(format_time),
        digest: digest_identity(identity.key()),
    };
    user.identities.iter().enumerate().map(describe).collect()
}

/// Returns the last login of a user who always had one identity: logins that were counted before
/// directories recorded identities were by this one.
fn find_only_use(user: &User, times: &Times) -> Option<Timestamp> {
    user.last_login.filter(|_| user.identities.len() == 1 && times.links.is_empty())
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
