//! The gate between a login and its directory, which closes when the login is answered.
//!
//! The Action waits for a limited time. A link that is made after the answer would take
//! the login's user away while the tenant still logs it in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::directory::{CheckedLink, Directory, MetadataUpdate, PairReading, Stored};
use crate::model::{ApiError, IdentityKey, User};

const OPEN: u8 = 0;
const CHANGING: u8 = 1;
const CLOSED: u8 = 2;

/// Whether a login may still change the directory.
#[derive(Debug, Default)]
pub(super) struct AnswerGate(AtomicU8);

impl AnswerGate {
    /// Closes the gate. Returns whether a change was under way, whose end is unknown then.
    pub(super) fn close(&self) -> bool {
        self.0.swap(CLOSED, Ordering::AcqRel) == CHANGING
    }

    /// Returns whether the login was answered already.
    pub(super) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) == CLOSED
    }

    /// Makes a change, unless the gate is closed.
    fn change<T>(&self, change: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
        if self.0.compare_exchange(OPEN, CHANGING, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return Err(ApiError::TimedOut);
        }
        let changed = change();
        // Fails if the gate was closed meanwhile; it stays closed.
        let _ = self.0.compare_exchange(CHANGING, OPEN, Ordering::AcqRel, Ordering::Acquire);
        changed
    }
}

/// Closes the gate of a login when it is dropped: also when the Action hangs up.
pub(super) struct CloseOnDrop(pub(super) Arc<AnswerGate>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A directory behind the gate of one login.
pub(super) struct GatedDirectory {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) gate: Arc<AnswerGate>,
}

impl Directory for GatedDirectory {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.directory.find_by_email(email, limit)
    }

    fn ignores_case(&self) -> bool {
        self.directory.ignores_case()
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.directory.get(user_id)
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.directory.owner(identity)
    }

    fn read_pair(&self, known: [&User; 2]) -> PairReading {
        self.directory.read_pair(known)
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        self.gate.change(|| self.directory.link(link))
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        self.gate.change(|| self.directory.patch_metadata(update))
    }

    fn for_login(&self, time: Duration) -> Option<Arc<dyn Directory>> {
        let directory = self.directory.for_login(time)?;
        Some(Arc::new(Self { directory, gate: self.gate.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::AnswerGate;
    use crate::model::ApiError;

    #[test]
    fn nothing_changes_behind_a_closed_gate() {
        let gate = AnswerGate::default();
        assert_eq!(gate.change(|| Ok(1)), Ok(1));
        assert!(!gate.close(), "the change has ended");
        assert_eq!(gate.change(|| Ok(2)), Err(ApiError::TimedOut));
    }

    #[test]
    fn a_gate_that_closes_during_a_change_stays_closed() {
        let gate = AnswerGate::default();
        assert_eq!(gate.change(|| Ok(gate.close())), Ok(true));
        assert_eq!(gate.change(|| Ok(())), Err(ApiError::TimedOut));
    }
}
