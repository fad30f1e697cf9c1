//! Undoing a run: each link of it, the newest of a group first.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::apply::read_planned;
use super::backfill_error::BackfillError;
use super::run_worker::{GroupWork, RunWorker};
use super::selection::Selection;
use crate::directory::{
    Administration, Entry, GroupResult, Provenance, RunGroup, RunGroupState, Undo, UndoError,
};
use crate::model::{ApiError, mask_addresses};

/// The parts of undoing a run.
#[derive(Clone, Copy)]
pub struct RunUndo<'a> {
    /// The directory.
    pub directory: &'a Arc<dyn Administration>,
    /// The run.
    pub worker: RunWorker<'a>,
    /// The groups to undo.
    pub selection: &'a Selection,
    /// The person who undoes it.
    pub provenance: &'a Arc<Provenance>,
}

/// The numbers of groups that one call has worked on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct UndoCounts {
    /// Groups whose links are undone.
    pub undone: u64,
    /// Groups that were not applied yet, and are not applied any more.
    pub cancelled: u64,
    /// Groups with a link that cannot be undone.
    pub refused: u64,
}

/// The work of one call.
struct UndoWork<'a> {
    run: &'a RunUndo<'a>,
    ends: Mutex<Ends>,
}

/// The groups that a call has worked on.
#[derive(Default)]
struct Ends {
    undone: u64,
    cancelled: u64,
    /// A group that was refused may be undone at its second try.
    refused: BTreeSet<String>,
}

impl RunUndo<'_> {
    /// Undoes the selected groups: those that wait are not applied any more, and those that were
    /// refused before are tried again.
    ///
    /// # Errors
    ///
    /// If the directory or the store fails. The remaining groups stay as they are.
    pub fn undo_groups(&self) -> Result<UndoCounts, BackfillError> {
        let is_included = |group: &RunGroup| Ok(self.selection.includes(&read_planned(group)?));
        let work = UndoWork { run: self, ends: Mutex::default() };
        // Groups that wait come first, so that a process that applies the run finds none any more. A
        // link that was refused may have waited for another one of the run, which is undone since.
        for state in [RunGroupState::Waiting, RunGroupState::Linked] {
            self.worker.work_on_selected(state, &is_included, &work)?;
        }
        loop {
            let before = work.ends().undone;
            self.worker.work_on_selected(RunGroupState::UndoRefused, &is_included, &work)?;
            let ends = work.ends();
            if ends.undone == before || ends.refused.is_empty() || self.worker.is_stopped() {
                break;
            }
        }
        let Ends { undone, cancelled, refused } =
            work.ends.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(UndoCounts { undone, cancelled, refused: refused.len() as u64 })
    }

    /// Undoes a link. Returns the reason if it is refused.
    fn undo_link(&self, link: &Entry) -> Result<Option<String>, BackfillError> {
        match self.directory.get(&link.primary) {
            // The account of its own would let a person in who is blocked.
            Ok(stored) if stored.user.blocked => {
                let (id, primary) = (&link.id, &link.primary);
                return Ok(Some(format!(
                    "{primary} is blocked, and the separated account would not be; `ligature undo {id}` \
                     undoes the link nevertheless"
                )));
            }
            Ok(_) | Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let now = self.worker.ambient.now();
        let undo = Undo { id: link.id.clone(), provenance: self.provenance.clone(), now, dry_run: false };
        match self.directory.undo(&undo) {
            Ok(_) => Ok(None),
            Err(UndoError::Refused(refusal)) => Ok(Some(format!("{}: {refusal}", undo.id))),
            Err(UndoError::Directory(error)) => Err(error.into()),
        }
    }
}

impl UndoWork<'_> {
    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GroupWork for UndoWork<'_> {
    fn work_on(&self, group: &RunGroup) -> Result<Option<GroupResult>, BackfillError> {
        let planned = read_planned(group)?;
        let result = |state, reason: &str, detail: String| {
            let detail = mask_addresses(&detail).into_owned();
            Ok(Some(GroupResult {
                group_id: group.group_id.clone(),
                state,
                reason: reason.to_owned(),
                detail,
            }))
        };
        // A process that has died may have linked a part of a group that waits.
        let Some(links) = self.run.worker.find_links(&**self.run.directory, &planned)? else {
            return Ok(None);
        };
        if links.is_empty() && group.state == RunGroupState::Waiting {
            self.ends().cancelled += 1;
            return result(RunGroupState::LeftOut, "RUN_UNDONE", String::new());
        }
        for link in links {
            if self.run.worker.is_stopped() {
                return Ok(None);
            }
            if let Some(why) = self.run.undo_link(&link)? {
                self.ends().refused.insert(group.group_id.clone());
                return result(RunGroupState::UndoRefused, "UNDO_REFUSED", why);
            }
        }
        let mut ends = self.ends();
        ends.undone += 1;
        ends.refused.remove(&group.group_id);
        drop(ends);
        result(RunGroupState::Undone, "UNDONE", String::new())
    }
}
