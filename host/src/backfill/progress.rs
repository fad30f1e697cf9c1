//! The progress of a long piece of work, for a watcher.

use std::io::Read;

use super::backfill_error::BackfillError;

/// A part of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for the export job of a tenant.
    Export,
    /// Downloading the file of an export job.
    Download,
    /// Reading the address of every user.
    ReadAddresses,
    /// Copying the users whose address another one has.
    CopyGroups,
    /// Finding the addresses that several users of a directory have.
    FindAddresses,
    /// Deciding the logins of the groups.
    Decide,
    /// Linking the groups of a run.
    Apply,
    /// Undoing the groups of a run.
    Undo,
}

/// A watcher of progress, which may end the work.
pub trait Progress: Send + Sync {
    /// Returns whether the work is to stop.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Notes that a part begins. `total` is its size if that is known: bytes, groups, or
    /// percent.
    fn begin(&self, phase: Phase, total: Option<u64>);

    /// Notes that the part has advanced by this amount.
    fn advance(&self, by: u64);

    /// Notes that the work waits for groups that another process holds. It is called several times.
    fn wait_for_others(&self) {}

    /// Wraps a reader, so that its bytes advance the part.
    fn count_bytes(&self, reader: Box<dyn Read>) -> Box<dyn Read>;
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn begin(&self, _: Phase, _: Option<u64>) {}

    fn advance(&self, _: u64) {}

    fn count_bytes(&self, reader: Box<dyn Read>) -> Box<dyn Read> {
        reader
    }
}

/// Fails if the work is to stop.
pub(super) fn refuse_if_stopped(progress: &dyn Progress) -> Result<(), BackfillError> {
    if progress.is_stopped() { Err(BackfillError::Stopped) } else { Ok(()) }
}
