//! The reasons for which an undo is refused.

/// A refused undo. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct UndoRefusal {
    /// The kind of the reason.
    pub kind: UndoRefusalKind,
    /// The reason, for an operator.
    pub why: String,
}

/// The kind of a reason for which an undo is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoRefusalKind {
    /// The link was undone before.
    AlreadyUndone,
    /// The entry is not a link, or the accounts were not linked.
    NotALink,
    /// The link is unfinished, so it is unknown whether the accounts were linked.
    Unfinished,
    /// The data that the link destroyed was erased.
    Erased,
    /// The data that the link destroyed is encrypted, and its key is not there.
    Sealed,
    /// The account or one of the identities was deleted or separated since.
    Gone,
    /// The account or one of the identities was linked or unlinked again since.
    MovedAgain,
    /// Metadata that the link has written was changed again since.
    MetadataChanged,
}
