//! The reason why a folder cannot take recordings.

use std::path::PathBuf;

use crate::reading::describe_io_error;

/// A folder cannot take recordings.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder does not exist, and cannot be created.
    #[error("{}: the folder for recordings cannot be created: {}", folder.display(), describe_io_error(.why))]
    Absent {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        why: std::io::Error,
    },
    /// Something else has this name.
    #[error("{}: this is not a folder; name a folder for the recordings", folder.display())]
    NotAFolder {
        /// The name.
        folder: PathBuf,
    },
    /// No file can be written in the folder.
    #[error("{}: no recording can be written in this folder: {}", folder.display(), describe_io_error(.why))]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        why: std::io::Error,
    },
    /// The thread that writes recordings does not start.
    #[error("the thread that writes recordings does not start: {}", describe_io_error(.0))]
    NoThread(std::io::Error),
}
