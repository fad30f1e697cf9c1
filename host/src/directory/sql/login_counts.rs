//! Logins that were counted and are not written down yet.
//!
//! A login that links nothing would otherwise wait for SQLite's one writer only
//! to add one to a number. Counts are kept here, shown to every reader of this
//! process, and written down together: by the next transaction that writes, or a
//! moment later by a thread of its own. While that transaction runs a reader
//! sees the number of before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::directory::Stored;
use crate::directory::records::{Done, Logins, Records};
use crate::model::User;

/// After so long counts are written down, if no other transaction has done so.
const MOMENT: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(super) struct LoginCounts {
    pending: Mutex<Pending>,
    wake: Condvar,
    /// Spares readers the lock when there is nothing, which is most of the time
    /// of a process that reads and not logs in.
    any: AtomicBool,
}

#[derive(Default)]
struct Pending {
    counts: Counts,
    stopped: bool,
    /// How often counts were taken out.
    taken: u64,
    /// Transactions that write some down at the moment.
    in_flight: u32,
}

/// The counts that were pending at a moment.
pub(super) struct Moment {
    counts: Counts,
    taken: u64,
    in_flight: u32,
}

/// By user id.
pub(super) type Counts = HashMap<String, Logins>;

impl LoginCounts {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the user has been counted lately, and so is there.
    pub(super) fn knows(&self, user_id: &str) -> bool {
        self.any.load(Ordering::Acquire) && self.lock().counts.contains_key(user_id)
    }

    pub(super) fn count(&self, user_id: &str, login: Logins) {
        let mut pending = self.lock();
        if pending.counts.is_empty() {
            self.wake.notify_all();
        }
        merge(&mut pending.counts, user_id, login);
        self.any.store(true, Ordering::Release);
    }

    /// The user as it will be once its logins are written down.
    pub(super) fn with_pending(&self, stored: Stored) -> Stored {
        if !self.any.load(Ordering::Acquire) {
            return stored;
        }
        let Some(logins) = self.lock().counts.get(&stored.user.user_id).copied() else {
            return stored;
        };
        let mut user = User::clone(&stored.user);
        logins.added_to(&mut user);
        Stored { user: user.into(), ..stored }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Takes everything out, to be written down.
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

    /// The counts that were taken are written down.
    pub(super) fn written(&self, counts: &Counts) {
        if !counts.is_empty() {
            let mut pending = self.lock();
            pending.in_flight = pending.in_flight.saturating_sub(1);
        }
    }

    /// The counts that are pending at this moment.
    pub(super) fn moment(&self) -> Moment {
        let pending = self.lock();
        Moment { counts: pending.counts.clone(), taken: pending.taken, in_flight: pending.in_flight }
    }

    /// Whether nothing has been taken out since that moment, so that what was
    /// pending then is not written down.
    pub(super) fn is_pending_still(&self, moment: &Moment) -> bool {
        self.lock().taken == moment.taken
    }

    /// What was taken was not written down.
    pub(super) fn put_back(&self, counts: Counts) {
        if counts.is_empty() {
            return;
        }
        let mut pending = self.lock();
        pending.in_flight = pending.in_flight.saturating_sub(1);
        // Logins that were counted meanwhile are later.
        for (user_id, later) in std::mem::replace(&mut pending.counts, counts) {
            merge(&mut pending.counts, &user_id, later);
        }
        self.any.store(true, Ordering::Release);
        self.wake.notify_all();
    }

    /// Waits until something has been pending for a moment. False once stopped.
    pub(super) fn wait(&self) -> bool {
        let pending = self.lock();
        let idle = |pending: &mut Pending| pending.counts.is_empty() && !pending.stopped;
        let pending = self.wake.wait_while(pending, idle).unwrap_or_else(PoisonError::into_inner);
        let going = |pending: &mut Pending| !pending.stopped;
        let waited = self.wake.wait_timeout_while(pending, MOMENT, going);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.wake.notify_all();
    }
}

impl Moment {
    /// Whether nobody was writing counts down.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight == 0
    }
}

impl From<Moment> for LoginCounts {
    fn from(moment: Moment) -> Self {
        let any = AtomicBool::new(!moment.counts.is_empty());
        let pending = Pending { counts: moment.counts, ..Pending::default() };
        Self { pending: Mutex::new(pending), any, ..Self::default() }
    }
}

/// Adds logins that were counted later, whatever the clock said.
fn merge(counts: &mut Counts, user_id: &str, later: Logins) {
    match counts.get_mut(user_id) {
        Some(known) => {
            let count = known.count.saturating_add(later.count);
            *known = Logins { count, last: later.last, ip: later.ip.or(known.ip) };
        }
        None => drop(counts.insert(user_id.to_owned(), later)),
    }
}

/// Writes counts down. Of users that are gone meanwhile nothing is kept.
pub(super) fn write(records: &mut dyn Records, counts: &Counts) -> Done<()> {
    for (user_id, logins) in counts {
        records.count_logins(user_id, *logins)?;
    }
    Ok(())
}
