//! Errors of SQLite.

use std::time::Duration;

use rusqlite::ErrorCode;

use crate::directory::records::TxError;
use crate::model::ApiError;

/// The time limit for waiting for other transactions, of this or another process.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Converts an error of SQLite to one of a transaction.
pub(super) fn sqlite_error(error: rusqlite::Error) -> TxError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => busy(),
        _ => ApiError::Unavailable(describe(&error)).into(),
    }
}

/// Returns the error after waiting for the lock for [`BUSY`].
pub(super) fn busy() -> TxError {
    ApiError::Unavailable(
        "another process keeps writing to the database; this change was not made".to_owned(),
    )
    .into()
}

/// Describes an error for people.
pub(super) fn describe(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; this change was not made".to_owned(),
        Some(ErrorCode::ReadOnly) => "the database file is read-only; this change was not made".to_owned(),
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "the database file, or its folder, may not be opened".to_owned()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program keeps it locked; try again, or end that program".to_owned()
        }
        Some(ErrorCode::NotADatabase) => "this is not an SQLite database".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => "the database file is damaged".to_owned(),
        Some(ErrorCode::SystemIoFailure) => format!("the database file cannot be read or written: {error}"),
        _ => error.to_string(),
    }
}
