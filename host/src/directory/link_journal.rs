//! The journal of changes that take several requests to a tenant.

use super::entry_state::EntryState;
use super::journal::Entry;
use super::journal_entries::append_entry;
use super::journal_query::EntryFilter;
use super::operations::Administration;
use super::records::{Records, TxResult};
use super::store::{Durability, Store};
use crate::model::{ApiError, Moment};

/// The number of unfinished entries that are read at a time.
const AT_A_TIME: usize = 1_000;

/// The journal of changes that take several requests to a tenant. It remembers how far
/// each change came, and lets only one change at a time hold a user. Every directory that
/// stores a journal can be one; its users are not used then.
///
/// # Errors
///
/// The same as for [`Directory`](super::Directory).
pub trait LinkJournal: Administration {
    /// Returns the place of the newest entry that has one of these users on either side.
    fn last_place(&self, user_ids: [&str; 2]) -> Result<Moment, ApiError>;

    /// Appends an unfinished entry, which holds both of its users, and marks the link that
    /// it undoes. `state-changed` if another entry holds one of them, if they have an entry
    /// after `seen`, or if the link was undone already.
    fn begin(&self, entry: &Entry, seen: Moment) -> Result<(), ApiError>;

    /// Records that a link has happened. Returns false if the entry is `linked` or `done`
    /// already. An abandoned entry becomes `linked` again: its process was suspended for so
    /// long that a repair gave the link up before it happened.
    fn mark_linked(&self, entry: &Entry) -> Result<bool, ApiError>;

    /// Ends an unfinished entry, and releases its users: it is done, or else abandoned.
    /// Returns false if it was not unfinished. An abandoned entry may still become done, for
    /// the same reason as in [`mark_linked`](Self::mark_linked).
    fn end(&self, entry: &Entry, is_done: bool) -> Result<bool, ApiError>;

    /// Returns the unfinished entries of a user or of all, the oldest first, without their
    /// snapshots, at most 1,000.
    fn unfinished(&self, user_id: Option<&str>) -> Result<Vec<Entry>, ApiError>;

    /// Returns every entry of a user, the newest first, without their snapshots.
    fn entries_of(&self, user_id: &str) -> Result<Vec<Entry>, ApiError>;
}

impl<S: Store> LinkJournal for S {
    fn last_place(&self, user_ids: [&str; 2]) -> Result<Moment, ApiError> {
        self.read(|records| records.last_place(user_ids))
    }

    fn begin(&self, entry: &Entry, seen: Moment) -> Result<(), ApiError> {
        self.write(Durability::Power, |records| begin(records, entry, seen))
    }

    fn mark_linked(&self, entry: &Entry) -> Result<bool, ApiError> {
        self.write(Durability::Power, |records| mark_linked(records, entry))
    }

    fn end(&self, entry: &Entry, is_done: bool) -> Result<bool, ApiError> {
        self.write(Durability::Power, |records| end(records, entry, is_done))
    }

    fn unfinished(&self, user_id: Option<&str>) -> Result<Vec<Entry>, ApiError> {
        self.read(|records| records.unfinished_entries(user_id, AT_A_TIME))
    }

    fn entries_of(&self, user_id: &str) -> Result<Vec<Entry>, ApiError> {
        self.read(|records| records.entries(&EntryFilter::for_user(user_id)))
    }
}

fn begin(records: &mut dyn Records, entry: &Entry, seen: Moment) -> TxResult<()> {
    if let Some(link) = &entry.undoes {
        // An undo takes over a link whose metadata was never written.
        if records.set_state(link, EntryState::Linked, EntryState::Done)? {
            records.remove_claims(link)?;
        }
        if !records.mark_undone(link, &entry.id, entry.at)? {
            return Err(ApiError::StateChanged(format!("the link {link} was undone already")).into());
        }
    }
    let mut users = vec![&entry.primary, &entry.secondary];
    // One order for all, so that two changes of the same pair do not wait for each other.
    users.sort_unstable();
    users.dedup();
    for user_id in users {
        if !records.add_claim(user_id, &entry.id)? {
            return Err(ApiError::StateChanged(format!("another change of {user_id} is under way")).into());
        }
    }
    if records.last_place([&entry.primary, &entry.secondary])? > seen {
        let Entry { primary, secondary, .. } = entry;
        return Err(ApiError::StateChanged(format!("{primary} or {secondary} was changed")).into());
    }
    append_entry(records, Entry::clone(entry))
}

fn mark_linked(records: &mut dyn Records, entry: &Entry) -> TxResult<bool> {
    if records.set_state(&entry.id, EntryState::Intended, EntryState::Linked)? {
        return Ok(true);
    }
    if !records.set_state(&entry.id, EntryState::Abandoned, EntryState::Linked)? {
        return Ok(false);
    }
    for user_id in [&entry.primary, &entry.secondary] {
        // A later change that holds a user keeps it.
        records.add_claim(user_id, &entry.id)?;
    }
    Ok(true)
}

fn end(records: &mut dyn Records, entry: &Entry, is_done: bool) -> TxResult<bool> {
    if is_done && records.set_state(&entry.id, EntryState::Abandoned, EntryState::Done)? {
        if let Some(link) = &entry.undoes {
            records.mark_undone(link, &entry.id, entry.at)?;
        }
        return Ok(true);
    }
    let to = if is_done { EntryState::Done } else { EntryState::Abandoned };
    let was_unfinished = records.set_state(&entry.id, EntryState::Intended, to)?
        || records.set_state(&entry.id, EntryState::Linked, to)?;
    if was_unfinished {
        records.remove_claims(&entry.id)?;
        if let Some(link) = entry.undoes.as_ref().filter(|_| !is_done) {
            records.clear_undone(link, &entry.id)?;
        }
    }
    Ok(was_unfinished)
}
