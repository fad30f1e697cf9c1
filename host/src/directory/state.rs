//! The state of a directory, for operators.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::ApiError;

/// Errors and connections of a directory since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirectoryState {
    /// Operations that the directory did not carry out because it could not be
    /// reached, was busy or failed.
    pub unavailable: u64,
    /// Operations that took too long.
    pub timed_out: u64,
    /// Transactions that were begun anew, because others were in the way or the
    /// server had ended the connection.
    pub repeated: u64,
    /// The connections to the database, if there are any.
    pub pool: Option<PoolState>,
}

/// How many connections to a database there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Open connections.
    pub open: u32,
    /// Open connections that are not in use.
    pub idle: u32,
    /// The most that are open at a time.
    pub limit: u32,
}

/// Counts what a directory does not carry out.
#[derive(Debug, Default)]
pub(super) struct ErrorCounts {
    unavailable: AtomicU64,
    timed_out: AtomicU64,
    repeated: AtomicU64,
}

impl ErrorCounts {
    pub(super) fn repeat(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self, error: &ApiError) {
        match error {
            ApiError::Unavailable(_) | ApiError::Other(_) => &self.unavailable,
            ApiError::TimedOut => &self.timed_out,
            _ => return,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn with_pool(&self, pool: PoolState) -> DirectoryState {
        DirectoryState {
            unavailable: self.unavailable.load(Ordering::Relaxed),
            timed_out: self.timed_out.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
            pool: Some(pool),
        }
    }
}
