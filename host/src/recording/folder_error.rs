//! The reason why a folder cannot take recordings.

use std::path::PathBuf;

/// A folder cannot take recordings.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder does not exist, and cannot be created.
    #[error("{}: the folder for recordings cannot be created: {why}", folder.display())]
    Absent {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        why: std::io::Error,
    },
    /// Something else has this name.
    #[error("{}: this is no folder; name a folder for the recordings", folder.display())]
    NotAFolder {
        /// The name.
        folder: PathBuf,
    },
    /// No file can be written in the folder.
    #[error("{}: no recording can be written in this folder: {why}", folder.display())]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        why: std::io::Error,
    },
    /// The thread that writes recordings does not start.
    #[error("the thread that writes recordings does not start: {0}")]
    NoThread(std::io::Error),
}
