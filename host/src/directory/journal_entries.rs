//! Finding entries of the journal, and appending one.

use std::sync::Arc;

use super::journal::Entry;
use super::journal_query::{EntryFilter, JournalQuery};
use super::records::{Records, TxResult};
use crate::model::ApiError;

/// The number of entries read at a time if not all of them match.
const AT_A_TIME: usize = 1_000;

/// Returns the entries that match a query, the newest first, without their snapshots.
pub(super) fn find_entries(records: &mut dyn Records, query: &JournalQuery) -> TxResult<Vec<Entry>> {
    let before = match &query.before {
        None => None,
        Some(id) => {
            let entry = records.entry(id)?;
            let entry = entry.ok_or_else(|| ApiError::NotFound(format!("the journal has no entry {id}")))?;
            Some((entry.place, entry.id))
        }
    };
    // Storages cannot select by actor or reason.
    let is_exact = query.actor.is_none() && query.reason.is_none();
    let mut filter = EntryFilter {
        user_id: query.user_id.as_deref(),
        kind: query.kind,
        state: query.state,
        since: query.since,
        until: query.until,
        before,
        limit: if is_exact { query.limit } else { AT_A_TIME },
    };
    let mut found = Vec::new();
    loop {
        let page = records.entries(&filter)?;
        let is_last = page.len() < filter.limit;
        filter.before = page.last().map(|last| (last.place, last.id.clone()));
        found.extend(page.into_iter().filter(|entry| query.matches_actor_and_reason(entry)));
        if is_exact || is_last || found.len() >= query.limit {
            found.truncate(query.limit);
            return Ok(found);
        }
    }
}

/// Appends an entry after every earlier one of its users, whatever the clock says.
///
/// The position does not come from a database sequence. Each process draws it from its
/// clock, and never below the last position of the two users. A concurrent change of
/// one of them causes a conflict of versions.
pub(super) fn append_entry(records: &mut dyn Records, entry: Entry) -> TxResult<()> {
    let earlier = records.last_place([&entry.primary, &entry.secondary])?;
    let place = records.ambient().draw_moment_after(earlier);
    records.add_entry(&Arc::new(Entry { place, ..entry }))
}
