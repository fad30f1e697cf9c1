//! The journal of a directory in memory.

use std::sync::Arc;

use super::{Before, State};
use crate::directory::entry_state::EntryState;
use crate::directory::journal::{Entry, EntryId, EntryKind, SnapshotSelection, SnapshotState, UndoneLink};
use crate::directory::journal_query::EntryFilter;
use crate::directory::records::TxResult;
use crate::model::Timestamp;

pub(super) fn entries(state: &mut State, filter: &EntryFilter<'_>) -> TxResult<Vec<Entry>> {
    let mut found: Vec<_> = state.journal.iter().filter(|entry| filter.matches(entry)).collect();
    found.sort_by(|a, b| (b.place, &b.id).cmp(&(a.place, &a.id)));
    let unread = |entry: &Arc<Entry>| Entry { kept: SnapshotState::Unread, ..Entry::clone(entry) };
    Ok(found.into_iter().take(filter.limit).map(unread).collect())
}

pub(super) fn mark_undone(state: &mut State, id: &EntryId, by: &EntryId, at: Timestamp) -> TxResult<bool> {
    let Some(place) = state.index_of(id) else { return Ok(false) };
    let entry = Entry::clone(&state.journal[place]);
    let stands = entry.undone.is_none();
    if stands {
        state.set_entry(place, Entry { undone: Some(UndoneLink { by: by.clone(), at }), ..entry });
    }
    Ok(stands)
}

pub(super) fn clear_undone(state: &mut State, id: &EntryId, by: &EntryId) -> TxResult<bool> {
    let Some(place) = state.index_of(id) else { return Ok(false) };
    let entry = Entry::clone(&state.journal[place]);
    let is_by = entry.undone.as_ref().is_some_and(|undone| undone.by == *by);
    if is_by {
        state.set_entry(place, Entry { undone: None, ..entry });
    }
    Ok(is_by)
}

pub(super) fn set_state(state: &mut State, id: &EntryId, from: EntryState, to: EntryState) -> TxResult<bool> {
    let Some(place) = state.index_of(id) else { return Ok(false) };
    let entry = Entry::clone(&state.journal[place]);
    let is_from = entry.state == from;
    if is_from {
        state.set_entry(place, Entry { state: to, ..entry });
    }
    Ok(is_from)
}

pub(super) fn unfinished_entries(
    state: &mut State,
    user_id: Option<&str>,
    limit: usize,
) -> TxResult<Vec<Entry>> {
    let is_of = |entry: &Entry| user_id.is_none_or(|id| entry.primary == id || entry.secondary == id);
    let unfinished = state.journal.iter().filter(|entry| entry.state.is_unfinished() && is_of(entry));
    let unread = |entry: &Arc<Entry>| Entry { kept: SnapshotState::Unread, ..Entry::clone(entry) };
    Ok(unfinished.take(limit).map(unread).collect())
}

pub(super) fn add_claim(state: &mut State, user_id: &str, id: &EntryId) -> TxResult<bool> {
    let is_free = !state.claims.contains_key(user_id);
    if is_free {
        state.claims.insert(user_id.to_owned(), id.clone());
        state.undo_log.push(Before::Claim(user_id.to_owned(), None));
    }
    Ok(is_free)
}

pub(super) fn remove_claims(state: &mut State, id: &EntryId) -> TxResult<()> {
    let held: Vec<String> =
        state.claims.iter().filter(|(_, by)| *by == id).map(|(user_id, _)| user_id.clone()).collect();
    for user_id in held {
        let by = state.claims.remove(&user_id);
        state.undo_log.push(Before::Claim(user_id, by));
    }
    Ok(())
}

pub(super) fn forget_snapshots(state: &mut State, which: &SnapshotSelection) -> TxResult<u64> {
    let mut forgotten = 0;
    for place in 0..state.journal.len() {
        let entry = &state.journal[place];
        let is_meant = match which {
            SnapshotSelection::Before(time) => entry.at < *time,
            SnapshotSelection::User(id) => entry.primary == *id || entry.secondary == *id,
        };
        let is_free = entry.kind == EntryKind::Link && !entry.state.is_unfinished();
        if is_meant && is_free && entry.kept != SnapshotState::Forgotten {
            let entry = Entry { kept: SnapshotState::Forgotten, ..Entry::clone(entry) };
            state.set_entry(place, entry);
            forgotten += 1;
        }
    }
    Ok(forgotten)
}
