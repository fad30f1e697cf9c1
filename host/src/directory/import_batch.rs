//! The lines of an import, and the result of each.

use crate::model::{Timestamp, User};

/// The result of one line of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// The user was added.
    Added,
    /// The user replaced the one with the same id.
    Replaced,
    /// The same user was already there.
    Same,
    /// The line was left out. Holds the reason.
    Refused(ImportRefusal),
}

/// The reason why a line of an import was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefusal {
    /// Another user has this id, and replacing is not allowed.
    #[error("the user {0} is already there with other data; --replace replaces it")]
    Differs(String),
    /// Another user logs in with this address or username.
    #[error("{by} already has {login} in the database `{connection}`")]
    LoginTaken {
        /// The user id of that user's identity, as if the identity stood alone.
        by: String,
        /// The name of the database connection.
        connection: String,
        /// The address, masked, or the username.
        login: String,
    },
    /// The line is invalid. Holds the reason.
    #[error("{0}")]
    Unfit(String),
}

/// A user of an import, with its password hash.
#[derive(Debug, Clone, PartialEq)]
pub struct UserWithPassword {
    /// The user.
    pub user: User,
    /// The password hash of the user's own database identity, if the line has one.
    pub password: Option<String>,
    /// Whether the line states if the user is blocked.
    pub states_block: bool,
}

impl From<User> for UserWithPassword {
    fn from(user: User) -> Self {
        Self { user, password: None, states_block: true }
    }
}

/// Suffix of an import's name for the number of lines that were left out.
pub const LEFT_OUT: &str = "/left out";
/// Suffix of an import's name for the number of lines that became users.
pub(super) const TAKEN: &str = "/taken";

/// Some lines of an import. They are parsed within the transaction, because users take
/// less memory as text.
pub struct Batch<'a> {
    /// The lines, with their numbers.
    pub lines: &'a [(u64, Box<str>)],
    /// Parses a line. The error says what is wrong with it.
    pub parse: &'a dyn Fn(u64, &str) -> Result<UserWithPassword, String>,
    /// Whether a user may replace the one with the same id.
    pub replace: bool,
    /// Whether the first refused line ends the batch. It is then the last line with a
    /// result.
    pub strict: bool,
    /// The import's name, if its progress is recorded so that it can resume.
    pub import: Option<&'a str>,
    /// The time of the import.
    pub now: Timestamp,
}
