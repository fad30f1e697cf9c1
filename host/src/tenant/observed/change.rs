//! A change of a user that was made.

use crate::directory::{EntryId, Provenance, Stored};
use crate::model::User;

/// A receiver of the changes of a directory.
pub(crate) trait Observer: Send + Sync {
    /// Takes note of a change, which was made.
    fn note(&self, change: &Change<'_>);
}

/// A change of a user.
pub(crate) enum Change<'a> {
    Created(&'a User),
    Updated(&'a User),
    Deleted {
        user_id: &'a str,
        /// The user before, if they could be read.
        before: Option<&'a User>,
    },
    Linked(Linked<'a>),
    Separated(Separated<'a>),
}

/// A link of two users.
pub(crate) struct Linked<'a> {
    pub(crate) primary: &'a str,
    pub(crate) secondary: &'a str,
    /// Both users before the link, the primary first, if they could be read.
    pub(crate) before: Option<&'a [Stored; 2]>,
    /// The user after it.
    pub(crate) user: &'a User,
    /// The entry of the journal, if it is found.
    pub(crate) link: Option<&'a EntryId>,
    pub(crate) provenance: &'a Provenance,
}

/// The end of a link: an unlink or an undo.
pub(crate) struct Separated<'a> {
    pub(crate) primary: &'a str,
    pub(crate) secondary: &'a str,
    /// The user that had the identities, before, if they could be read.
    pub(crate) before: Option<&'a User>,
    /// Both users afterwards, the primary first, if they could be read.
    pub(crate) after: [Option<&'a Stored>; 2],
    /// The entry of the link, if it is found.
    pub(crate) link: Option<&'a EntryId>,
    /// Whether the link was undone, with the data of before.
    pub(crate) is_undo: bool,
    pub(crate) provenance: &'a Provenance,
}
