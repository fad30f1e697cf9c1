//! Undoing a run: each link of it, the newest of a group first.

use std::sync::Arc;

use super::apply::read_planned;
use super::backfill_error::BackfillError;
use super::run_links::find_links_of_run;
use super::run_worker::{GroupWork, RunWorker};
use super::selection::Selection;
use crate::directory::{Administration, GroupResult, Provenance, RunGroup, RunGroupState, Undo, UndoError};
use crate::model::mask_addresses;

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

impl RunUndo<'_> {
    /// Undoes the selected groups that are linked.
    ///
    /// # Errors
    ///
    /// If the directory or the store fails. The remaining groups stay linked.
    pub fn undo_groups(&self) -> Result<(), BackfillError> {
        let is_included = |group: &RunGroup| Ok(self.selection.includes(&read_planned(group)?));
        self.worker.work_on_selected(RunGroupState::Linked, &is_included, self)
    }
}

impl GroupWork for RunUndo<'_> {
    fn work_on(&self, group: &RunGroup) -> Result<Option<GroupResult>, BackfillError> {
        let planned = read_planned(group)?;
        let result = |state, reason: &str, detail: String| {
            let detail = mask_addresses(&detail).into_owned();
            GroupResult { group_id: group.group_id.clone(), state, reason: reason.to_owned(), detail }
        };
        for link in find_links_of_run(&**self.directory, self.worker.run_id, &planned)? {
            if self.worker.is_stopped() {
                return Ok(None);
            }
            let now = self.worker.ambient.now();
            let undo = Undo { id: link.id, provenance: self.provenance.clone(), now, dry_run: false };
            match self.directory.undo(&undo) {
                Ok(_) => {}
                Err(UndoError::Refused(refusal)) => {
                    let detail = format!("{}: {refusal}", undo.id);
                    return Ok(Some(result(RunGroupState::UndoRefused, "UNDO_REFUSED", detail)));
                }
                Err(UndoError::Directory(error)) => return Err(error.into()),
            }
        }
        Ok(Some(result(RunGroupState::Undone, "UNDONE", String::new())))
    }
}
