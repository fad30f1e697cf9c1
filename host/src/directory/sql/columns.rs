//! Conversions between values and the columns of a row.

use super::connection::{Param, Row};
use crate::directory::records::{TxError, TxResult};
use crate::model::{ApiError, Timestamp};

/// The error for data in the database that cannot be read.
pub(super) fn damaged(what: &str, error: impl std::fmt::Display) -> TxError {
    ApiError::Other(format!("the database holds {what} that cannot be read: {error}")).into()
}

/// The error for a column that must not be null.
pub(super) fn missing(column: &str) -> TxError {
    damaged("a row", format!("`{column}` is null"))
}

/// The error for a value that cannot be written as JSON.
pub(super) fn unwritable(error: &serde_json::Error) -> TxError {
    ApiError::Invalid(format!("it cannot be written as JSON: {error}")).into()
}

/// Returns the text of a column that must not be null.
pub(super) fn required_text<'r>(row: &'r dyn Row, column: usize, name: &str) -> TxResult<&'r str> {
    row.text(column)?.ok_or_else(|| missing(name))
}

/// Converts a time to a parameter.
pub(super) fn time_param(at: Timestamp) -> Param<'static> {
    at.as_millis().into()
}

/// Reads a time from a column. Returns `None` if it is null or out of range.
pub(super) fn read_time(row: &dyn Row, column: usize) -> TxResult<Option<Timestamp>> {
    Ok(row.int(column)?.and_then(timestamp))
}

/// Converts a column to a time. Returns `None` if it is out of range.
pub(super) fn timestamp(millis: i64) -> Option<Timestamp> {
    u64::try_from(millis).ok().and_then(Timestamp::from_millis)
}
