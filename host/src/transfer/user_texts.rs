//! Reading the users of a file without importing them.

use std::cell::Cell;

use super::found_user::{FoundUser, Unreadable};
use super::place::Place;
use super::read_error::ReadError;
use super::rejects::UserFormat;
use super::user::{Reader, detect_format};
use super::users_file::UsersFile;
use crate::model::{User, join_lines, mask_addresses};

/// The maximum length of a reason, which may quote the user, in bytes.
const REASON: usize = 400;

/// A user in a file, not parsed yet.
pub struct UserText<'a> {
    /// The position in the file, in words.
    found: FoundUser<'a>,
}

impl UserText<'_> {
    /// Returns the JSON text.
    ///
    /// # Errors
    ///
    /// The reason why there is none.
    pub fn json(&self) -> Result<&str, &'static str> {
        match &self.found.json {
            Ok(json) => Ok(json),
            Err(Unreadable::TooLong) => Err("the line is too long"),
            Err(Unreadable::NotUtf8(_)) => Err("the line is not UTF-8"),
        }
    }

    /// Returns the position in the file.
    #[must_use]
    pub fn place(&self) -> Place {
        self.found.place
    }

    /// Returns the position in the file, in words.
    #[must_use]
    pub fn describe_place(&self) -> String {
        self.found.place.to_string()
    }
}

/// Calls `each` with every user of a file, until it fails.
///
/// # Errors
///
/// If the file cannot be read to its end, or the error of `each`.
pub fn read_user_texts<E: From<ReadError>>(
    file: UsersFile,
    mut each: impl FnMut(UserText<'_>) -> Result<(), E>,
) -> Result<(), E> {
    file.read_users(&Cell::new(0), &mut |found| each(UserText { found }))
}

/// Parses a user of any format that an import accepts.
///
/// # Errors
///
/// The reason why it is not a user. Addresses are masked.
pub fn parse_user(json: &str) -> Result<User, String> {
    let reader = Reader { format: detect_format(json).unwrap_or(UserFormat::Export), connection: None };
    let read = reader.read_user(json, |_| {});
    read.map(|read| read.user.user).map_err(|fault| join_lines(&mask_addresses(&fault.why), REASON))
}
