//! Undoing a run: each link of it, the newest of a group first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::apply::{bound, read_planned};
use super::backfill_error::BackfillError;
use super::plan::PlannedGroup;
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UndoCounts {
    /// Groups whose links are undone.
    pub undone: u64,
    /// Groups that were not applied yet, and are not applied any more.
    pub cancelled: u64,
    /// Groups with a link that cannot be undone.
    pub refused: u64,
    /// The differences from the state before the links, without the ids of accounts, each with its
    /// number of links.
    pub not_restored: BTreeMap<String, u64>,
}

/// The maximum number of different sentences that are counted. The groups have all of them.
const SENTENCES: usize = 100;

/// The end of a link.
enum LinkEnd {
    /// It is undone. Holds the differences from the state before it.
    Undone(Vec<String>),
    /// It is not undone, for this reason.
    Refused(String),
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
    not_restored: BTreeMap<String, u64>,
}

impl Ends {
    /// Counts the differences that a link leaves.
    fn add_not_restored(&mut self, link: &Entry, differences: &[String]) {
        for difference in differences {
            let sentence = leave_out_ids(difference, link);
            if self.not_restored.len() < SENTENCES || self.not_restored.contains_key(&sentence) {
                *self.not_restored.entry(sentence).or_default() += 1;
            }
        }
    }
}

/// Replaces the ids of the accounts of a link, so that the sentences of different links are equal.
fn leave_out_ids(sentence: &str, link: &Entry) -> String {
    let both = format!("{} and {}", link.primary, link.secondary);
    let mut ids = [(both.as_str(), "both accounts"), (&link.primary, "the account that stayed")]
        .into_iter()
        .chain([(link.secondary.as_str(), "the separated account")])
        .collect::<Vec<_>>();
    // The id of one account may be a part of the other one's.
    ids.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
    let named = ids.into_iter().fold(sentence.to_owned(), |text, (id, name)| text.replace(id, name));
    mask_addresses(&named).into_owned()
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
        let Ends { undone, cancelled, refused, not_restored } =
            work.ends.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(UndoCounts { undone, cancelled, refused: refused.len() as u64, not_restored })
    }

    /// Undoes a link.
    fn undo_link(&self, link: &Entry) -> Result<LinkEnd, BackfillError> {
        match self.directory.get(&link.primary) {
            // The account of its own would let a person in who is blocked.
            Ok(stored) if stored.user.blocked => {
                let (id, primary) = (&link.id, &link.primary);
                return Ok(LinkEnd::Refused(format!(
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
            Ok(undoing) => Ok(LinkEnd::Undone(undoing.not_restored)),
            Err(UndoError::Refused(refusal)) => Ok(LinkEnd::Refused(format!("{}: {refusal}", undo.id))),
            Err(UndoError::Directory(error)) => Err(error.into()),
        }
    }
}

impl UndoWork<'_> {
    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a sentence for each link of a group that was undone before.
    fn describe_undone_before(
        &self,
        planned: &PlannedGroup,
        links: usize,
    ) -> Result<Vec<String>, BackfillError> {
        if planned.count_removed_accounts() <= links {
            return Ok(Vec::new());
        }
        let undone = self.run.worker.find_undone_links(&**self.run.directory, planned)?;
        let describe = |link: &Entry| {
            format!(
                "`app_metadata.linking` of {} and {} says that they were separated before, by a person or by a process \
                 that has died: other differences are not known any more.",
                link.primary, link.secondary
            )
        };
        Ok(undone.iter().map(describe).collect())
    }
}

impl GroupWork for UndoWork<'_> {
    fn work_on(&self, group: &RunGroup) -> Result<Option<GroupResult>, BackfillError> {
        let planned = read_planned(group)?;
        let result = |state, reason: &str, detail: String| {
            let detail = bound(&mask_addresses(&detail));
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
        let mut told = self.describe_undone_before(&planned, links.len())?;
        for link in links {
            if self.run.worker.is_stopped() {
                return Ok(None);
            }
            match self.run.undo_link(&link)? {
                LinkEnd::Undone(differences) => {
                    self.ends().add_not_restored(&link, &differences);
                    told.extend(differences);
                }
                LinkEnd::Refused(why) => {
                    self.ends().refused.insert(group.group_id.clone());
                    told.insert(0, why);
                    return result(RunGroupState::UndoRefused, "UNDO_REFUSED", told.join(" "));
                }
            }
        }
        let mut ends = self.ends();
        ends.undone += 1;
        ends.refused.remove(&group.group_id);
        drop(ends);
        result(RunGroupState::Undone, "UNDONE", told.join(" "))
    }
}
