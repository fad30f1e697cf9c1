//! Searching the journal of a directory in memory.

use std::sync::Arc;

use crate::directory::journal::{Entry, EntryKind, SnapshotSelection, SnapshotState};
use crate::directory::journal_query::EntryFilter;

/// Returns the entries that match, the newest first, without their snapshots.
pub(super) fn find_entries(journal: &[Arc<Entry>], filter: &EntryFilter<'_>) -> Vec<Entry> {
    let mut found: Vec<_> = journal.iter().filter(|entry| filter.matches(entry)).collect();
    found.sort_by(|a, b| (b.place, &b.id).cmp(&(a.place, &a.id)));
    found.into_iter().take(filter.limit).map(without_snapshot).collect()
}

/// Returns the unfinished entries of a user or of all, the oldest first, without their
/// snapshots.
pub(super) fn find_unfinished(journal: &[Arc<Entry>], user_id: Option<&str>, limit: usize) -> Vec<Entry> {
    let is_of = |entry: &Entry| user_id.is_none_or(|id| entry.primary == id || entry.secondary == id);
    let unfinished = journal.iter().filter(|entry| entry.state.is_unfinished() && is_of(entry));
    unfinished.take(limit).map(without_snapshot).collect()
}

/// Returns the indexes of the entries whose snapshots are to be erased.
pub(super) fn find_erasable(journal: &[Arc<Entry>], which: &SnapshotSelection) -> Vec<usize> {
    let is_meant = |entry: &Entry| match which {
        SnapshotSelection::Before(time) => entry.at < *time,
        SnapshotSelection::User(id) => entry.primary == *id || entry.secondary == *id,
    };
    let is_erasable = |entry: &Entry| {
        entry.kind == EntryKind::Link
            && !entry.state.is_unfinished()
            && entry.kept != SnapshotState::Forgotten
    };
    let entries = journal.iter().enumerate();
    entries.filter(|(_, entry)| is_meant(entry) && is_erasable(entry)).map(|(index, _)| index).collect()
}

fn without_snapshot(entry: &Arc<Entry>) -> Entry {
    Entry { kept: SnapshotState::Unread, ..Entry::clone(entry) }
}
