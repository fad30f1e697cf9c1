//! The modes of opening a directory.

/// The mode in which a directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading and writing. A missing file is created.
    Create,
    /// For reading and writing. The directory must exist.
    Existing,
    /// For reading and writing. The directory must exist, and the journal of a tenant, too.
    ExistingJournal,
    /// For reading. The directory must exist.
    ReadOnly,
    /// For reading users. The directory must exist; the journal of a tenant may be missing.
    ReadUsers,
    /// For reading. Changes are kept in memory only.
    DryRun,
}

impl OpenMode {
    /// Returns whether the storage itself is written to.
    pub(super) fn can_write(self) -> bool {
        matches!(self, Self::Create | Self::Existing | Self::ExistingJournal)
    }
}
