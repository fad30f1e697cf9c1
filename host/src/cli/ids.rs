//! Ids, or their beginnings: what a person types of a long one.

use std::str::FromStr;

use anyhow::anyhow;

use super::Exit;
use super::directory::failed;
use crate::directory::{Administration, EntryId, Stored};
use crate::model::{ApiError, mask_addresses};

/// Ids that are named where several begin so.
pub(super) const NAMED: usize = 5;

/// A LINK-ID or its beginning.
#[derive(Debug, Clone)]
pub(super) struct LinkId(String);

impl FromStr for LinkId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // As the README and people shorten them.
        let id = text.trim_end_matches('…').to_ascii_lowercase();
        let fits = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        if id.is_empty() || id.len() > 36 || !id.bytes().all(fits) {
            // With the words for a whole one.
            return Err(EntryId::from_str(text).err().unwrap_or_default());
        }
        Ok(Self(id))
    }
}

impl LinkId {
    /// The one entry that it names.
    pub(super) fn of(&self, directory: &dyn Administration) -> Result<EntryId, Exit> {
        if let Ok(whole) = self.0.parse() {
            return Ok(whole);
        }
        let mut found = directory.entry_ids(&self.0, NAMED + 1).map_err(failed)?;
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => {
                Err(Exit::failed(anyhow!("the journal has no entry whose id begins with {}", self.0)))
            }
            (Some(last), _) => {
                found.push(last);
                Err(several(&self.0, found.iter().map(|id| id.as_str().to_owned()).collect()))
            }
        }
    }
}

/// The one user whose id is this, or begins so.
pub(super) fn user(directory: &dyn Administration, id: &str) -> Result<Stored, Exit> {
    match directory.get(id) {
        Err(ApiError::NotFound(_)) => {}
        found => return found.map_err(failed),
    }
    // A linked identity is no user any more.
    if let Some(holder) = directory.holder(id).map_err(failed)? {
        return Err(Exit::failed(anyhow!(
            "{} is an identity of {}, and no user of its own",
            mask_addresses(id),
            mask_addresses(&holder.user.user_id)
        )));
    }
    let shortened = id.trim_end_matches('…');
    let mut found = match shortened {
        "" => Vec::new(),
        beginning => directory.user_ids(beginning, NAMED + 1).map_err(failed)?,
    };
    match (found.pop(), found.len()) {
        (Some(one), 0) => directory.get(&one).map_err(failed),
        (None, _) => Err(Exit::failed(anyhow!("there is no user {}", mask_addresses(id)))),
        (Some(last), _) => {
            found.push(last);
            Err(several(shortened, found))
        }
    }
}

fn several(beginning: &str, mut ids: Vec<String>) -> Exit {
    ids.sort();
    let more = if ids.len() > NAMED { ", and others" } else { "" };
    ids.truncate(NAMED);
    Exit::failed(anyhow!(
        "{} begins several ids: {}{more}; type more of it",
        mask_addresses(beginning),
        mask_addresses(&ids.join(", "))
    ))
}
