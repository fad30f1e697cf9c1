//! The progress of a long piece of work, for whoever watches it.

use std::io::Read;

/// A part of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
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

/// A watcher of progress.
pub trait Progress: Send + Sync {
    /// Notes that a part begins. `total` is its size if that is known: bytes, or groups.
    fn begin(&self, phase: Phase, total: Option<u64>);

    /// Notes that the part has come so much further.
    fn advance(&self, by: u64);

    /// Wraps a reader, so that its bytes advance the part.
    fn count_bytes(&self, reader: Box<dyn Read>) -> Box<dyn Read>;
}
