//! Ids and their beginnings, which a person may type instead of a long id.

use std::str::FromStr;

use anyhow::anyhow;
use ligature_contact_syntax::is_email_address;

use super::Exit;
use crate::directory::{Administration, EntryId, Stored};
use crate::model::{ApiError, mask_addresses};

/// The most ids that a message lists if several begin alike.
pub(super) const MAX_LISTED: usize = 5;

/// The id of a journal entry, or its beginning.
#[derive(Debug, Clone)]
pub(super) struct LinkId(String);

impl FromStr for LinkId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The README shortens ids with an ellipsis.
        let id = text.trim_end_matches('…').to_ascii_lowercase();
        let fits = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        if id.is_empty() || id.len() > 36 || !id.bytes().all(fits) {
            // The error is the one for a whole id.
            return Err(EntryId::from_str(text).err().unwrap_or_default());
        }
        Ok(Self(id))
    }
}

impl LinkId {
    /// Finds the one entry with this id.
    pub(super) fn resolve(&self, directory: &dyn Administration) -> Result<EntryId, Exit> {
        if let Ok(whole) = self.0.parse() {
            return Ok(whole);
        }
        let mut found = directory.entry_ids(&self.0, MAX_LISTED + 1)?;
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => {
                Err(Exit::failed(anyhow!("the journal has no entry whose id begins with {}", self.0)))
            }
            (Some(last), _) => {
                found.push(last);
                Err(ambiguous_id(&self.0, found.iter().map(|id| id.as_str().to_owned()).collect()))
            }
        }
    }
}

/// Finds the one user with this id, or whose id begins with it.
pub(super) fn find_user(directory: &dyn Administration, id: &str) -> Result<Stored, Exit> {
    match directory.get(id) {
        Err(ApiError::NotFound(_)) => {}
        found => return found.map_err(Exit::from),
    }
    // A linked identity is not a user.
    if let Some(holder) = directory.holder(id)? {
        // In the command, the id is not masked, because a masked id cannot be used.
        let primary = &holder.user.user_id;
        return Err(Exit::failed(anyhow!(
            "{} is an identity of {}, and not a separate user: `ligature users show '{primary}'` shows it",
            mask_addresses(id),
            mask_addresses(primary)
        )));
    }
    let shortened = id.trim_end_matches('…');
    let mut found = match shortened {
        "" => Vec::new(),
        beginning => directory.user_ids(beginning, MAX_LISTED + 1)?,
    };
    match (found.pop(), found.len()) {
        (Some(one), 0) => directory.get(&one).map_err(Exit::from),
        // An address is not masked in the command, because a masked one finds nobody.
        (None, _) if is_email_address(id) => Err(Exit::failed(anyhow!(
            "{} is an address, and an id is needed: `ligature users find '{id}'` shows the ids",
            mask_addresses(id)
        ))),
        (None, _) => Err(Exit::failed(anyhow!("there is no user {}", mask_addresses(id)))),
        (Some(last), _) => {
            found.push(last);
            Err(ambiguous_id(shortened, found))
        }
    }
}

fn ambiguous_id(beginning: &str, mut ids: Vec<String>) -> Exit {
    ids.sort();
    let more = if ids.len() > MAX_LISTED { ", and others" } else { "" };
    ids.truncate(MAX_LISTED);
    Exit::failed(anyhow!(
        "{} is the beginning of several ids: {}{more}; type more of the id",
        mask_addresses(beginning),
        mask_addresses(&ids.join(", "))
    ))
}
