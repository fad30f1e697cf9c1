//! The links of a run, as the journal has them.

use std::collections::BTreeSet;

use super::backfill_error::BackfillError;
use super::group_decision::GroupKind;
use super::plan::PlannedGroup;
use crate::directory::{Administration, Entry, EntryKind, EntryState, JournalQuery};

/// The number of entries of an account that are searched for the links of a run.
const ENTRIES: usize = 1_000;

/// Returns the links that a run has made of a group and that are not undone, the newest first.
pub(super) fn find_links_of_run(
    directory: &dyn Administration,
    run_id: &str,
    planned: &PlannedGroup,
) -> Result<Vec<Entry>, BackfillError> {
    let links = planned.logins.iter().filter(|login| login.kind == GroupKind::Link);
    let others: BTreeSet<&String> = links.flat_map(|login| &login.others).collect();
    let mut found = Vec::new();
    for other in others {
        let query = JournalQuery {
            user_id: Some(other.clone()),
            kind: Some(EntryKind::Link),
            limit: ENTRIES,
            ..JournalQuery::default()
        };
        let entries = directory.journal(&query)?;
        found.extend(
            entries.into_iter().filter(|entry| {
                entry.secondary == *other && entry.undone.is_none() && is_of_run(entry, run_id)
            }),
        );
    }
    found.sort_by(|a, b| (b.place, &b.id).cmp(&(a.place, &a.id)));
    Ok(found)
}

fn is_of_run(entry: &Entry, run_id: &str) -> bool {
    let run = entry.provenance.evidence.as_ref().and_then(|it| it.backfill_run.as_deref());
    run == Some(run_id) && matches!(entry.state, EntryState::Done | EntryState::Linked)
}
