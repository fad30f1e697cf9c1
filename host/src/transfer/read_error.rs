//! Errors of reading a file of users.

use std::io;

use crate::reading::describe_read_error;

/// The reason why a file cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{file}: {}", describe_read_error(.error))]
    Unreadable {
        /// The file.
        file: String,
        /// The cause.
        error: io::Error,
    },
    /// The file does not contain users.
    #[error(
        "{file}: {what}; expected Auth0's export, one JSON object a line, or its import format, a JSON array"
    )]
    NoUsers {
        /// The file.
        file: String,
        /// A description of the contents.
        what: String,
    },
    /// The file is from another product.
    #[error("{file}: {what}")]
    Foreign {
        /// The file.
        file: String,
        /// A description of the file, with advice.
        what: String,
    },
    /// The file is truncated or malformed, so that the rest cannot be parsed.
    #[error("{file}, line {line}, column {column}{}: {what}", describe_position(*.after))]
    Broken {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column.
        column: u64,
        /// The number of users before that position.
        after: u64,
        /// A description of the fault.
        what: String,
    },
}

/// Returns the part of a message that names the last good user.
fn describe_position(user: u64) -> String {
    if user == 0 { String::new() } else { format!(", after user {user}") }
}

/// Converts an I/O error. The library's messages on compressed data are replaced, because
/// they help no user.
pub(super) fn unreadable(file: &str, error: io::Error) -> ReadError {
    let error = match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("its compressed data breaks off in the middle"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            io::Error::other("its compressed data is damaged")
        }
        _ => error,
    };
    ReadError::Unreadable { file: file.to_owned(), error }
}
