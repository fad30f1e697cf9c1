//! Working on the groups of a run, on several threads and in any number of processes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::backfill_error::BackfillError;
use super::progress::Progress;
use crate::ambient::Ambient;
use crate::directory::{BackfillStore, ClaimedGroups, GroupClaim, GroupResult, RunGroup, RunGroupState};
use crate::model::{ApiError, Timestamp};

/// The usual time for which groups are claimed. After it, another process takes the groups of one that
/// has died.
pub const LEASE: Duration = Duration::from_secs(30);

/// The number of groups of one claim. The groups of a process that has died wait for the end of its
/// claim, so that a slow run claims fewer.
pub const CLAIMED_GROUPS: usize = 50;

/// The number of groups that are read at a time.
const PAGE: usize = 2_000;

/// The interval at which results are recorded, so that another process sees how far a run is.
const RECORD_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which a process checks for groups that another one has claimed.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The number of times that a claim is tried while the database is busy. A claim waits a moment only for
/// a lock, such as that of a vacuum.
const CLAIM_TRIES: usize = 20;

/// The number of times that work on a group waits for a directory that asks for fewer calls.
const PACED_TRIES: usize = 10;

/// The longest of these waits.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// The work on groups.
pub(super) trait GroupWork: Sync {
    /// Works on those groups of a claim that can share a transaction, and records their results. Returns
    /// the ids of the groups that are done.
    fn work_on_together(&self, _: &GroupClaim, _: &[RunGroup]) -> Result<BTreeSet<String>, BackfillError> {
        Ok(BTreeSet::new())
    }

    /// Works on one group. Returns none if it was stopped before its end.
    fn work_on(&self, group: &RunGroup) -> Result<Option<GroupResult>, BackfillError>;
}

/// The parts of the work on a run.
#[derive(Clone, Copy)]
pub struct RunWorker<'a> {
    /// The run.
    pub run_id: &'a str,
    /// The store of the run.
    pub store: &'a dyn BackfillStore,
    /// The number of threads.
    pub threads: usize,
    /// The number of groups of one claim, at most [`CLAIMED_GROUPS`].
    pub claimed: usize,
    /// The time for which groups are claimed, [`LEASE`] except in tests.
    pub lease: Duration,
    /// Whether to stop before the next link.
    pub stop: &'a AtomicBool,
    /// Watches the progress.
    pub progress: &'a dyn Progress,
    /// The clock and the source of randomness.
    pub ambient: &'a Ambient,
}

impl RunWorker<'_> {
    /// Works on every group in a state, until none is left or the work is stopped. Groups that another
    /// process holds are waited for.
    pub(super) fn work_on_all(
        &self,
        state: RunGroupState,
        work: &dyn GroupWork,
    ) -> Result<(), BackfillError> {
        self.on_threads(&|| self.work_until_done(state, work)).map(drop)
    }

    /// Works on the groups in a state that are included, until each was tried or the work is stopped.
    /// Groups that another process holds are waited for.
    pub(super) fn work_on_selected(
        &self,
        state: RunGroupState,
        is_included: &dyn Fn(&RunGroup) -> Result<bool, BackfillError>,
        work: &dyn GroupWork,
    ) -> Result<(), BackfillError> {
        // A group that is refused again may keep its state.
        let mut tried = BTreeSet::new();
        while !self.is_stopped() {
            let (done, held) = self.try_selected(
                state,
                &|group| Ok(!tried.contains(&group.group_id) && is_included(group)?),
                work,
            )?;
            tried.extend(done);
            if held == 0 {
                break;
            }
            self.wait_for_others();
        }
        Ok(())
    }

    /// Works on the included groups that are free. Returns their ids, and the number of those that
    /// another process holds.
    fn try_selected(
        &self,
        state: RunGroupState,
        is_included: &dyn Fn(&RunGroup) -> Result<bool, BackfillError>,
        work: &dyn GroupWork,
    ) -> Result<(Vec<String>, usize), BackfillError> {
        let (mut after, mut done, mut held) = (String::new(), Vec::new(), 0);
        while !self.is_stopped() {
            let page = self.store.run_groups(self.run_id, &after, PAGE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.group_id);
            let mut ids = Vec::new();
            for group in page.into_iter().filter(|group| group.state == state) {
                if is_included(&group)? {
                    ids.push(group.group_id);
                }
            }
            let claims = Mutex::new(ids.chunks(self.limit()));
            let next = || claims.lock().unwrap_or_else(PoisonError::into_inner).next();
            let claimed = self.on_threads(&|| {
                let mut claimed = Vec::new();
                while let (false, Some(ids)) = (self.is_stopped(), next()) {
                    claimed.extend(self.claim_and_work(state, ids, work)?);
                }
                Ok(claimed)
            })?;
            let claimed: Vec<String> = claimed.into_iter().flatten().collect();
            held += ids.len() - claimed.len();
            done.extend(claimed);
        }
        Ok((done, held))
    }

    /// Claims groups and works on those that are free. Returns the ids of these.
    fn claim_and_work(
        &self,
        state: RunGroupState,
        ids: &[String],
        work: &dyn GroupWork,
    ) -> Result<Vec<String>, BackfillError> {
        let claim = self.new_claim(state, ClaimedGroups::Named(ids.to_vec()));
        let claimed = self.patiently(&|| self.store.claim_groups(&claim))?;
        if !claimed.is_empty() {
            self.work_on_claim(claim, &claimed, work)?;
        }
        Ok(claimed.into_iter().map(|group| group.group_id).collect())
    }

    /// Runs work on every thread, and returns their results. After a failure, the other threads end
    /// before their next link.
    fn on_threads<T: Send>(
        &self,
        work: &(dyn Fn() -> Result<T, BackfillError> + Sync),
    ) -> Result<Vec<T>, BackfillError> {
        let work = || work().inspect_err(|_| self.stop.store(true, Ordering::SeqCst));
        let results = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.max(1)).map(|_| scope.spawn(work)).collect();
            let join = |it: thread::ScopedJoinHandle<'_, _>| {
                it.join().unwrap_or_else(|why| std::panic::resume_unwind(why))
            };
            threads.into_iter().map(join).collect::<Vec<_>>()
        });
        results.into_iter().collect()
    }

    fn wait_for_others(&self) {
        self.progress.wait_for_others();
        thread::sleep(CHECK_INTERVAL);
    }

    fn work_until_done(&self, state: RunGroupState, work: &dyn GroupWork) -> Result<(), BackfillError> {
        let mut after = String::new();
        while !self.is_stopped() {
            let following = ClaimedGroups::Following { after: after.clone(), limit: self.limit() };
            let claim = self.new_claim(state, following);
            let groups = self.patiently(&|| self.store.claim_groups(&claim))?;
            if let Some(last) = groups.last() {
                after.clone_from(&last.group_id);
                self.work_on_claim(claim, &groups, work)?;
            } else if !after.is_empty() {
                // Groups before it may have become free.
                after.clear();
            } else if self.store.has_groups(self.run_id, state)? {
                // They are claimed, or another process is about to claim them.
                self.wait_for_others();
            } else {
                return Ok(());
            }
        }
        Ok(())
    }

    fn work_on_claim(
        &self,
        mut claim: GroupClaim,
        groups: &[RunGroup],
        work: &dyn GroupWork,
    ) -> Result<(), BackfillError> {
        let done = match work.work_on_together(&claim, groups) {
            Ok(done) => done,
            Err(error) => {
                self.patiently(&|| self.store.release_claim(&claim))?;
                return Err(error);
            }
        };
        self.progress.advance(done.len() as u64);
        if done.len() == groups.len() {
            return Ok(());
        }
        let (mut results, mut recorded) = (Vec::with_capacity(groups.len()), self.ambient.monotonic());
        let mut left = groups.iter().filter(|group| !done.contains(&group.group_id));
        let worked = left.try_for_each(|group| {
            if self.is_stopped() || !self.keep_claim(&mut claim)? {
                return Ok(());
            }
            results.extend(self.work_at_pace(group, work)?);
            self.progress.advance(1);
            if self.ambient.elapsed(recorded) >= RECORD_INTERVAL {
                self.store.finish_groups(&claim, &results)?;
                results.clear();
                recorded = self.ambient.monotonic();
            }
            Ok(())
        });
        self.store.finish_groups(&claim, &results)?;
        self.patiently(&|| self.store.release_claim(&claim))?;
        worked
    }

    /// Works on a group. Waits as long as the directory asks for, and then tries again.
    fn work_at_pace(
        &self,
        group: &RunGroup,
        work: &dyn GroupWork,
    ) -> Result<Option<GroupResult>, BackfillError> {
        let mut again = group.clone();
        for _ in 0..PACED_TRIES {
            match work.work_on(&again) {
                Err(BackfillError::Directory(ApiError::RateLimited { retry_after_s, .. })) => {
                    let wait = Duration::from_secs(retry_after_s.unwrap_or(1).into()).min(LONGEST_WAIT);
                    if self.pause(wait) {
                        return Ok(None);
                    }
                    // A part of the group may be done.
                    again.claims += 1;
                }
                end => return end,
            }
        }
        work.work_on(&again)
    }

    /// Waits, unless the work is stopped. Returns whether it is.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let began = self.ambient.monotonic();
        while !self.is_stopped() && self.ambient.elapsed(began) < time {
            self.wait_for_others();
        }
        self.is_stopped()
    }

    /// Calls the store, again and again while it is unavailable. The call may be repeated after it has had
    /// its effect.
    fn patiently<T>(&self, call: &dyn Fn() -> Result<T, ApiError>) -> Result<T, BackfillError> {
        for _ in 1..CLAIM_TRIES {
            match call() {
                Err(ApiError::Unavailable(why)) => {
                    tracing::debug!(%why, "a claim is tried again");
                    thread::sleep(CHECK_INTERVAL);
                }
                result => return Ok(result?),
            }
        }
        Ok(call()?)
    }

    /// Extends a claim in time. Returns false if it has ended, so that another process may have the groups.
    fn keep_claim(&self, claim: &mut GroupClaim) -> Result<bool, BackfillError> {
        let now = self.ambient.now();
        let is_young = now < later(claim.now, self.lease / 3);
        if is_young {
            return Ok(true);
        }
        if now >= claim.until {
            return Ok(false);
        }
        (claim.now, claim.until) = (now, later(now, self.lease));
        Ok(self.patiently(&|| self.store.extend_claim(claim))? > 0)
    }

    fn new_claim(&self, state: RunGroupState, which: ClaimedGroups) -> GroupClaim {
        let now = self.ambient.now();
        GroupClaim {
            run_id: self.run_id.to_owned(),
            claim: self.ambient.random().uuid().to_string(),
            state,
            which,
            now,
            until: later(now, self.lease),
        }
    }

    fn limit(&self) -> usize {
        self.claimed.clamp(1, CLAIMED_GROUPS)
    }

    /// Returns whether the work is to stop before the next link.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(time.as_millis().saturating_add(by)).unwrap_or(time)
}
