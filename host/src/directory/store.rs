//! A storage: the place where transactions run.

use super::backfill_store::BackfillStore;
use super::records::{LoginTally, Records, TxResult, not_found};
use super::state::DirectoryState;
use crate::ambient::Ambient;
use crate::model::ApiError;

/// The failures that a committed transaction survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// A loss of power.
    Power,
    /// The end of the process, but not a loss of power.
    Process,
}

/// A storage that runs transactions.
pub(super) trait Store: Send + Sync {
    /// Returns the clock and the source of randomness.
    fn ambient(&self) -> &Ambient;

    /// Runs a transaction that only reads.
    fn read<T>(&self, work: impl FnMut(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError>;

    /// Runs a long read once, on a consistent snapshot, without blocking writers.
    fn snapshot<T>(&self, work: impl FnOnce(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError>;

    /// Runs a transaction. If `work` fails, nothing has changed. If other transactions
    /// interfere, `work` runs again, within bounds.
    fn write<T>(
        &self,
        durability: Durability,
        work: impl FnMut(&mut dyn Records) -> TxResult<T>,
    ) -> Result<T, ApiError>;

    /// Returns the errors and connections.
    fn state(&self) -> DirectoryState {
        DirectoryState::default()
    }

    /// Returns the store of the runs of a backfill, if this storage is a database.
    fn backfill_store(&self) -> Option<&dyn BackfillStore> {
        None
    }

    /// Counts a login. A storage may write the count a moment later, as long as every
    /// reader of this process sees it at once.
    fn count_login(&self, user_id: &str, login: &LoginTally) -> Result<(), ApiError> {
        self.write(Durability::Process, |records| {
            if records.count_logins(user_id, login)? { Ok(()) } else { Err(not_found(user_id)) }
        })
    }
}
