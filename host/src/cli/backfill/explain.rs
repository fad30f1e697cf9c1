//! The exits of failed backfills.

use crate::backfill::{BackfillError, PlanError};
use crate::cli::Exit;

/// Returns the exit of a failed backfill.
pub(super) fn explain(error: BackfillError) -> Exit {
    match error {
        BackfillError::Directory(error) => error.into(),
        BackfillError::Plan(error) => error.into(),
        error @ (BackfillError::Stopped
        | BackfillError::Tenant(_)
        | BackfillError::ExportFailed { .. }
        | BackfillError::ExportEndless { .. }
        | BackfillError::Download { .. }
        | BackfillError::ExportFile(_)
        | BackfillError::FileChanged
        | BackfillError::Spool(_)
        | BackfillError::Unwritable(_)
        | BackfillError::DamagedGroup(..)) => Exit::failed(error),
        error => Exit::unreadable(error),
    }
}

impl From<PlanError> for Exit {
    fn from(error: PlanError) -> Self {
        Self::unreadable(error)
    }
}
