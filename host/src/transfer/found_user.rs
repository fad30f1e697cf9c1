//! The users that a file contains, before they are parsed.

use super::place::Place;

/// A user in a file, not parsed yet.
pub(super) struct FoundUser<'a> {
    /// The line in a file of lines; otherwise the index of the user. Counts from 1.
    pub(super) number: u64,
    /// The position in the file.
    pub(super) place: Place,
    /// The JSON text of the user.
    pub(super) json: Result<&'a str, Unreadable<'a>>,
}

/// A line that is not valid text.
pub(super) enum Unreadable<'a> {
    /// The line is not UTF-8. Holds its bytes.
    NotUtf8(&'a [u8]),
    /// The line is too long.
    TooLong,
}

/// A function that takes users one by one.
pub(super) type UserVisitor<'f, E> = dyn FnMut(FoundUser<'_>) -> Result<(), E> + 'f;
