//! The result of work within a transaction.

use crate::model::ApiError;

/// The reason why a transaction was not completed.
#[derive(Debug)]
pub(super) enum TxError {
    /// The operation failed. Repeating it would fail again.
    Failed(ApiError),
    /// Another transaction interfered, so that repeating this one may succeed. Holds the
    /// cause.
    Conflict(String),
}

impl From<ApiError> for TxError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// The result of work within a transaction.
pub(super) type TxResult<T> = Result<T, TxError>;
