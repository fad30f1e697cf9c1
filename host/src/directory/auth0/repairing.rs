//! Finishing changes that were interrupted between two requests.

use std::time::Duration;

use super::Auth0Directory;
use super::reading::has_identity;
use super::undoing::whole_snapshot;
use crate::auth0::TimeLimit;
use crate::directory::entry_state::EntryState;
use crate::directory::journal::{Entry, EntryId, EntryKind};
use crate::directory::journal_query::JournalQuery;
use crate::directory::repair::{Repair, RepairOutcome};
use crate::model::{ApiError, mask_addresses};

/// The time after which no request of a change is under way any more: more than any
/// operation may take.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// The time for which an abandoned link is looked at again: a proxy may deliver its request late.
const MAY_STILL_HAPPEN: Duration = Duration::from_secs(60 * 60);

/// The most abandoned links that one repair looks at: each costs the tenant a request.
const ABANDONED: usize = 20;

/// The pause between two looks at a change that is under way.
const PAUSE: Duration = Duration::from_millis(20);

/// The most looks: a change that takes longer than these pauses was probably interrupted.
const LOOKS: u32 = 75;

impl Auth0Directory {
    /// Repairs every unfinished change that is not under way.
    pub(super) fn repair_all(&self) -> Result<Vec<Repair>, ApiError> {
        let mut repairs = Vec::new();
        for entry in self.journal.unfinished(None)? {
            let outcome = match self.time_under_way(&entry) {
                Some(wait) => RepairOutcome::UnderWay { wait_s: wait.as_secs() + 1 },
                None => self
                    .repair_entry(&entry.id, self.new_limit())
                    .unwrap_or_else(|error| RepairOutcome::Unresolved { why: error.to_sentence() }),
            };
            repairs.push(Repair { entry, outcome });
        }
        repairs.extend(self.repair_late_links()?);
        Ok(repairs)
    }

    /// Completes the links that the tenant has carried out after a repair had given them up.
    fn repair_late_links(&self) -> Result<Vec<Repair>, ApiError> {
        // The newest first.
        let query = JournalQuery {
            kind: Some(EntryKind::Link),
            state: Some(EntryState::Abandoned),
            limit: ABANDONED,
            ..JournalQuery::default()
        };
        let mut repairs = Vec::new();
        for entry in self.journal.journal(&query)? {
            if self.age(&entry) > MAY_STILL_HAPPEN {
                break;
            }
            match self.repair_late_link(&entry, self.new_limit()) {
                Ok(None) => {}
                Ok(Some(notes)) => repairs.push(Repair { entry, outcome: RepairOutcome::Finished { notes } }),
                Err(error) => {
                    let why = error.to_sentence();
                    repairs.push(Repair { entry, outcome: RepairOutcome::Unresolved { why } });
                }
            }
        }
        Ok(repairs)
    }

    /// Completes an abandoned link if the tenant has carried it out after all. Returns none if it
    /// has not.
    pub(super) fn repair_late_link(
        &self,
        entry: &Entry,
        limit: TimeLimit,
    ) -> Result<Option<Vec<String>>, ApiError> {
        if !self.happened_late(entry, limit)? {
            return Ok(None);
        }
        self.require_writing()?;
        let entry = self.journal.journal_entry(&entry.id)?;
        self.journal.mark_linked(&entry)?;
        let mut notes = self.repair_link(&entry, limit)?;
        self.journal.end(&entry, true)?;
        notes.insert(0, "The tenant has carried the link out late.".to_owned());
        Ok(Some(notes))
    }

    /// Returns whether an abandoned link has happened. A later entry about the secondary explains
    /// its state, whatever that is.
    fn happened_late(&self, entry: &Entry, limit: TimeLimit) -> Result<bool, ApiError> {
        let is_explained = |it: &Entry| it.place > entry.place && it.state != EntryState::Abandoned;
        if self.journal.entries_of(&entry.secondary)?.iter().any(is_explained) {
            return Ok(false);
        }
        let primary = self.find_user(&entry.primary, limit)?;
        Ok(primary.is_some_and(|primary| has_identity(&primary, &entry.secondary)))
    }

    /// Repairs the unfinished changes of two users, except for one that the caller takes
    /// over, and waits for the end of those that are under way. Fails if one does not end
    /// or cannot be repaired: its users must not be changed before.
    pub(super) fn settle(&self, pair: [&str; 2], except: Option<&EntryId>) -> Result<(), ApiError> {
        for user_id in pair {
            for entry in self.journal.unfinished(Some(user_id))? {
                let is_excepted = except == Some(&entry.id) && entry.state == EntryState::Linked;
                if self.time_under_way(&entry).is_some() {
                    if except == Some(&entry.id) || self.wait_for_end(&entry, user_id)? {
                        continue;
                    }
                    return Err(ApiError::StateChanged(format!("another change of {user_id} is under way")));
                }
                self.require_writing()?;
                let outcome = self.repair_entry(&entry.id, self.new_limit());
                let why = match outcome {
                    Ok(RepairOutcome::Unresolved { why }) => why,
                    Err(error) => error.to_sentence(),
                    Ok(_) => continue,
                };
                if !is_excepted {
                    return Err(ApiError::Unavailable(format!(
                        "an interrupted change of {user_id} must be completed first, {}: {why}",
                        entry.id
                    )));
                }
            }
        }
        Ok(())
    }

    /// Waits for the end of a change that is under way, of one of its users. Returns whether
    /// it has ended. Of two logins of a pair at once, the later one thus learns of the link
    /// before it goes on.
    fn wait_for_end(&self, change: &Entry, user_id: &str) -> Result<bool, ApiError> {
        let limit = self.new_limit();
        for _ in 0..LOOKS {
            let is_unfinished = self.journal.unfinished(Some(user_id))?.iter().any(|it| it.id == change.id);
            if !is_unfinished {
                return Ok(true);
            }
            if limit.left(&self.ambient) <= PAUSE {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Ok(false)
    }

    /// Finds out how far a change came, and completes it or ends it.
    fn repair_entry(&self, id: &EntryId, limit: TimeLimit) -> Result<RepairOutcome, ApiError> {
        let entry = self.journal.journal_entry(id)?;
        let notes = match (entry.kind, entry.state) {
            // Another process was faster.
            (_, EntryState::Done) => return Ok(RepairOutcome::Finished { notes: Vec::new() }),
            (_, EntryState::Abandoned) => return Ok(RepairOutcome::Abandoned),
            (EntryKind::Link, EntryState::Linked) => self.repair_link(&entry, limit)?,
            (EntryKind::Link, EntryState::Intended) => {
                if !self.did_link(&entry, limit)? {
                    return self.abandon(&entry);
                }
                self.journal.mark_linked(&entry)?;
                self.repair_link(&entry, limit)?
            }
            (EntryKind::Unlink, _) => {
                if !self.did_unlink(&entry, limit)? {
                    return self.abandon(&entry);
                }
                match self.complete_unlink(&entry, limit) {
                    Ok(_) => Vec::new(),
                    Err(ApiError::NotFound(user_id)) => vec![format!("{user_id} is gone since.")],
                    Err(error) => return Err(error),
                }
            }
            (EntryKind::Undo, _) => {
                if !self.did_begin_undo(&entry, limit)? {
                    return self.abandon(&entry);
                }
                self.repair_undo(&entry, limit)?
            }
            (EntryKind::Block | EntryKind::Unblock, _) => {
                if !self.did_change_block(&entry, limit)? {
                    return self.abandon(&entry);
                }
                Vec::new()
            }
        };
        self.journal.end(&entry, true)?;
        Ok(RepairOutcome::Finished { notes })
    }

    fn repair_link(&self, entry: &Entry, limit: TimeLimit) -> Result<Vec<String>, ApiError> {
        let snapshot = whole_snapshot(entry)?;
        match self.complete_link(entry, snapshot, limit) {
            Err(ApiError::NotFound(user_id)) => Ok(vec![format!("{user_id} is gone since.")]),
            completed => completed,
        }
    }

    fn repair_undo(&self, entry: &Entry, limit: TimeLimit) -> Result<Vec<String>, ApiError> {
        let completed = self.complete_undo(entry, limit).map(|separated| separated.notes);
        let completed = match completed.map_err(|interrupted| interrupted.error) {
            Err(ApiError::NotFound(user_id)) if user_id == entry.primary => {
                self.complete_undo_without_primary(entry, limit)
            }
            completed => completed,
        };
        match completed {
            Err(ApiError::NotFound(user_id)) => Ok(vec![format!("{user_id} is gone since.")]),
            completed => completed,
        }
    }

    fn abandon(&self, entry: &Entry) -> Result<RepairOutcome, ApiError> {
        self.journal.end(entry, false)?;
        Ok(RepairOutcome::Abandoned)
    }

    /// Returns the time for which the process that began a change may still be at it. A change that
    /// begins far in the future is that of a process whose clock was wrong.
    fn time_under_way(&self, entry: &Entry) -> Option<Duration> {
        let ahead = entry.place.as_micros().saturating_sub(self.now_us());
        if Duration::from_micros(ahead) > UNDER_WAY {
            return None;
        }
        UNDER_WAY.checked_sub(self.age(entry))
    }

    fn age(&self, entry: &Entry) -> Duration {
        Duration::from_micros(self.now_us().saturating_sub(entry.place.as_micros()))
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.ambient.since_epoch().as_micros()).unwrap_or(u64::MAX)
    }

    /// Ends an entry. If the journal cannot be written, the entry stays unfinished, and a
    /// repair ends it: the change itself is known.
    pub(super) fn end_or_warn(&self, entry: &Entry, is_done: bool) {
        if let Err(error) = self.journal.end(entry, is_done) {
            tracing::warn!(entry = %entry.id, error = %mask_addresses(&error.to_string()), "a change at the tenant is over, and the journal could not record it; `ligature journal repair` does");
        }
    }

    /// Returns the error for a change that has begun and is not complete. The id comes first,
    /// because a plugin may shorten the text.
    pub(super) fn half_done(&self, entry: &Entry, error: ApiError) -> ApiError {
        ApiError::Unavailable(format!(
            "the change {} may be half done, `ligature journal repair` completes it: {}",
            entry.id,
            error.to_sentence()
        ))
    }
}
