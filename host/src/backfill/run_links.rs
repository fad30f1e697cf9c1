//! The links of a run, as the journal has them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::backfill_error::BackfillError;
use super::group_decision::GroupKind;
use super::plan::PlannedGroup;
use super::run_worker::RunWorker;
use crate::directory::{Administration, Entry, EntryKind, EntryState, JournalQuery};

/// The number of entries of an account that are searched for the links of a run.
const ENTRIES: usize = 1_000;

/// The pause between two repairs of a link whose process has died.
const REPAIR_INTERVAL: Duration = Duration::from_secs(1);

/// The time after which a link that no repair settles ends the work. A repair leaves a link alone for a
/// minute, because its requests may be under way.
const SETTLED_WITHIN: Duration = Duration::from_secs(150);

impl RunWorker<'_> {
    /// Returns the links that the run has made of a group and that are not undone, the newest first.
    /// Repairs links whose process has died between two requests, and waits for them. Returns none if
    /// the work was stopped meanwhile.
    pub(super) fn find_links(
        &self,
        directory: &dyn Administration,
        planned: &PlannedGroup,
    ) -> Result<Option<Vec<Entry>>, BackfillError> {
        let began = self.ambient.monotonic();
        loop {
            let mut links = read_links_of_run(directory, self.run_id, planned)?;
            links.retain(|link| link.undone.is_none());
            let Some(open) = links.iter().find(|link| link.state == EntryState::Intended) else {
                return Ok(Some(links));
            };
            if self.ambient.elapsed(began) > SETTLED_WITHIN {
                return Err(BackfillError::Unsettled(open.id.to_string()));
            }
            directory.repair()?;
            if self.pause(REPAIR_INTERVAL) {
                return Ok(None);
            }
        }
    }

    /// Returns the links that the run has made of a group and that are undone already.
    pub(super) fn find_undone_links(
        &self,
        directory: &dyn Administration,
        planned: &PlannedGroup,
    ) -> Result<Vec<Entry>, BackfillError> {
        let mut links = read_links_of_run(directory, self.run_id, planned)?;
        links.retain(|link| link.undone.is_some());
        Ok(links)
    }
}

/// Reads the links of a run in a group that are made, or may be, or are undone, the newest first.
fn read_links_of_run(
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
            entries.into_iter().filter(|entry| entry.secondary == *other && is_of_run(entry, run_id)),
        );
    }
    found.sort_by(|a, b| (b.place, &b.id).cmp(&(a.place, &a.id)));
    Ok(found)
}

fn is_of_run(entry: &Entry, run_id: &str) -> bool {
    let run = entry.provenance.evidence.as_ref().and_then(|it| it.backfill_run.as_deref());
    run == Some(run_id) && entry.state != EntryState::Abandoned
}
