//! Logins that were counted but not written yet.
//!
//! Without this, a login that links nothing would wait for SQLite's single writer just to increment
//! a number. Counts are kept in memory, and every reader of this process sees them. The next
//! transaction that writes also writes the counts; otherwise a thread does so shortly after. While
//! that transaction runs, readers see the previous number.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::directory::records::{LoginTally, Records, TxResult};
use crate::directory::stored::Stored;
use crate::model::{Timestamp, User};

/// The delay after which counts are written, if no other transaction has done so.
const DELAY: Duration = Duration::from_millis(100);

/// The logins that were counted but not written yet.
#[derive(Default)]
pub(super) struct LoginCounts {
    pending: Mutex<Pending>,
    wake: Condvar,
    /// Whether there are counts. Lets readers skip the lock if there are none.
    any: AtomicBool,
}

#[derive(Default)]
struct Pending {
    counts: Counts,
    stopped: bool,
    /// The number of times that counts were taken to be written.
    taken: u64,
    /// The number of transactions that are writing counts.
    in_flight: u32,
}

/// A copy of the counts that were pending at one moment.
pub(super) struct PendingCounts {
    counts: Counts,
    taken: u64,
    in_flight: u32,
}

/// The logins of each user, by user ID.
pub(super) type Counts = HashMap<String, LoginTally>;

impl LoginCounts {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a login of the user is pending, which implies that the user exists.
    pub(super) fn has_counts_of(&self, user_id: &str) -> bool {
        self.any.load(Ordering::Acquire) && self.lock().counts.contains_key(user_id)
    }

    /// Counts a login.
    pub(super) fn count(&self, user_id: &str, login: &LoginTally) {
        let mut pending = self.lock();
        if pending.counts.is_empty() {
            self.wake.notify_all();
        }
        merge(&mut pending.counts, user_id, login.clone());
        self.any.store(true, Ordering::Release);
    }

    /// Adds the pending logins to a user.
    pub(super) fn with_pending(&self, stored: Stored) -> Stored {
        if !self.any.load(Ordering::Acquire) {
            return stored;
        }
        let pending = self.lock();
        let Some(logins) = pending.counts.get(&stored.user.user_id) else { return stored };
        let mut user = User::clone(&stored.user);
        logins.add_to(&mut user);
        Stored { user: user.into(), ..stored }
    }

    /// Returns the pending last login of an identity of a user.
    pub(super) fn last_use(&self, owner: &str, (provider, user_id): (&str, &str)) -> Option<Timestamp> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let pending = self.lock();
        let uses = &pending.counts.get(owner)?.uses;
        uses.iter().find(|it| it.is_of(provider, user_id)).map(|it| it.at)
    }

    /// Returns whether no counts are pending.
    pub(super) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Takes all counts, to write them.
    pub(super) fn take(&self) -> Counts {
        if !self.any.load(Ordering::Acquire) {
            return Counts::new();
        }
        let mut pending = self.lock();
        self.any.store(false, Ordering::Release);
        if !pending.counts.is_empty() {
            pending.taken += 1;
            pending.in_flight += 1;
        }
        std::mem::take(&mut pending.counts)
    }

    /// Confirms that taken counts were written.
    pub(super) fn confirm_written(&self, counts: &Counts) {
        if !counts.is_empty() {
            let mut pending = self.lock();
            pending.in_flight = pending.in_flight.saturating_sub(1);
        }
    }

    /// Copies the pending counts.
    pub(super) fn snapshot(&self) -> PendingCounts {
        let pending = self.lock();
        PendingCounts { counts: pending.counts.clone(), taken: pending.taken, in_flight: pending.in_flight }
    }

    /// Returns whether no counts were taken since the snapshot, so that its counts are not written
    /// yet.
    pub(super) fn is_pending_still(&self, snapshot: &PendingCounts) -> bool {
        self.lock().taken == snapshot.taken
    }

    /// Puts back counts that were taken but not written.
    pub(super) fn put_back(&self, counts: Counts) {
        if counts.is_empty() {
            return;
        }
        let mut pending = self.lock();
        pending.in_flight = pending.in_flight.saturating_sub(1);
        // Logins that were counted in the meantime are later.
        for (user_id, later) in std::mem::replace(&mut pending.counts, counts) {
            merge(&mut pending.counts, &user_id, later);
        }
        self.any.store(true, Ordering::Release);
        self.wake.notify_all();
    }

    /// Waits until counts have been pending for the delay. Returns `false` once stopped.
    pub(super) fn wait(&self) -> bool {
        let pending = self.lock();
        let idle = |pending: &mut Pending| pending.counts.is_empty() && !pending.stopped;
        let pending = self.wake.wait_while(pending, idle).unwrap_or_else(PoisonError::into_inner);
        let going = |pending: &mut Pending| !pending.stopped;
        let waited = self.wake.wait_timeout_while(pending, DELAY, going);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    /// Stops the waiting thread.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.wake.notify_all();
    }
}

impl PendingCounts {
    /// Returns whether no transaction was writing counts.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight == 0
    }
}

impl From<PendingCounts> for LoginCounts {
    fn from(snapshot: PendingCounts) -> Self {
        let any = AtomicBool::new(!snapshot.counts.is_empty());
        let pending = Pending { counts: snapshot.counts, ..Pending::default() };
        Self { pending: Mutex::new(pending), any, ..Self::default() }
    }
}

/// Adds logins that were counted later, regardless of the clock.
fn merge(counts: &mut Counts, user_id: &str, later: LoginTally) {
    match counts.get_mut(user_id) {
        Some(known) => known.add_later(later),
        None => drop(counts.insert(user_id.to_owned(), later)),
    }
}

/// Writes counts. Those of deleted users are dropped.
pub(super) fn write(records: &mut dyn Records, counts: &Counts) -> TxResult<()> {
    for (user_id, logins) in counts {
        records.count_logins(user_id, logins)?;
    }
    Ok(())
}
