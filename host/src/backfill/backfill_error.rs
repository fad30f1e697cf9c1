//! The errors of a backfill.

use std::io;

use crate::model::ApiError;
use crate::reading::describe_io_error;
use crate::transfer::ReadError;

/// The reason why a backfill does not go on.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The users come from a stream.
    #[error("a preview reads the users twice, and standard input can be read once only: name a file")]
    Stream,
    /// The file of users cannot be read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file of users was written to meanwhile.
    #[error("the file of users has changed while it was read; preview it again")]
    FileChanged,
    /// The temporary file of the groups failed.
    #[error("the temporary file of the groups: {}", describe_io_error(.0))]
    Spool(io::Error),
    /// The plan cannot be written.
    #[error("the plan cannot be written: {}", describe_io_error(.0))]
    Unwritable(io::Error),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] ApiError),
}
