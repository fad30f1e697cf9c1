//! The state of a directory, for monitoring.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::ApiError;

/// The errors and connections of a directory since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirectoryState {
    /// Operations that failed because the directory was unreachable, busy or broken.
    pub unavailable: u64,
    /// Operations that timed out.
    pub timed_out: u64,
    /// Transactions that were repeated, because of a conflict or because the server had
    /// closed the connection.
    pub repeated: u64,
    /// The connections to the database, if the directory has one.
    pub pool: Option<PoolState>,
}

/// The connections to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Open connections.
    pub open: u32,
    /// Open connections that are not in use.
    pub idle: u32,
    /// The maximum of open connections.
    pub limit: u32,
}

/// Counters of failed operations.
#[derive(Debug, Default)]
pub(super) struct ErrorCounts {
    unavailable: AtomicU64,
    timed_out: AtomicU64,
    repeated: AtomicU64,
}

impl ErrorCounts {
    /// Counts a repeated transaction.
    pub(super) fn count_repeat(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failed operation.
    pub(super) fn count(&self, error: &ApiError) {
        match error {
            ApiError::Unavailable(_) | ApiError::Other(_) => &self.unavailable,
            ApiError::TimedOut => &self.timed_out,
            _ => return,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// Returns a state with these counts added.
    pub(super) fn added_to(&self, state: DirectoryState) -> DirectoryState {
        DirectoryState {
            unavailable: state.unavailable + self.unavailable.load(Ordering::Relaxed),
            timed_out: state.timed_out + self.timed_out.load(Ordering::Relaxed),
            ..state
        }
    }

    /// Returns the counts, with the state of the connections.
    pub(super) fn with_pool(&self, pool: PoolState) -> DirectoryState {
        DirectoryState {
            unavailable: self.unavailable.load(Ordering::Relaxed),
            timed_out: self.timed_out.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
            pool: Some(pool),
        }
    }
}
