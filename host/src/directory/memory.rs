//! A directory in memory, for cases and as the reference for the other storages.

mod credentials;
mod decision_records;
mod decisions;
mod journal;
mod login_fields;
mod records;
mod state;

use std::sync::{Arc, Mutex, PoisonError};

use super::credentials::remove_all;
use super::records::{Records, TxError, TxResult};
use super::store::{Durability, Store};
use super::stored::Stored;
use crate::ambient::Ambient;
use crate::model::{ApiError, User};
use state::State;

/// A directory in memory. A clone shares the users, but has a state of its own.
#[derive(Debug)]
pub struct Memory {
    ambient: Ambient,
    state: Mutex<State>,
}

impl Memory {
    /// Creates a directory without users.
    #[must_use]
    pub fn new(ambient: &Ambient) -> Self {
        Self { ambient: ambient.clone(), state: Mutex::new(State::new(ambient)) }
    }

    /// Creates a directory with these users. If two have the same id, the later one stays.
    pub fn with_users(ambient: &Ambient, users: impl IntoIterator<Item = User>) -> Self {
        let first = |user: User| Stored { user: Arc::new(user.with_own_identity("")), version: 1 };
        Self::with_versions(ambient, users.into_iter().map(first))
    }

    /// Creates a directory with these users at these versions, as another directory has returned them.
    pub(crate) fn with_versions(ambient: &Ambient, users: impl IntoIterator<Item = Stored>) -> Self {
        let memory = Self::new(ambient);
        memory.change(|state| users.into_iter().for_each(|stored| state.put(stored)));
        memory
    }

    /// Returns every user, ordered by id.
    #[must_use]
    pub fn users(&self) -> Vec<Arc<User>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.users.values().map(|stored| stored.user.clone()).collect()
    }

    /// Adds or replaces a user, and takes its identities from any other user.
    pub fn put(&self, user: User) {
        self.change(|state| {
            let version = state.users.get(&user.user_id).map_or(1, |stored| stored.version + 1);
            state.put(Stored { user: Arc::new(user.with_own_identity("")), version });
        });
    }

    /// Removes a user, if there is one.
    pub fn remove(&self, user_id: &str) {
        self.change(|state| {
            let Some(gone) = state.users.get(user_id).cloned() else { return };
            state.set_user(user_id, None);
            for identity in &gone.user.identities {
                let id = identity.as_user_id();
                if state.identities.get(&id).is_some_and(|owner| owner.user_id == user_id) {
                    state.set_identity(id, None);
                }
            }
            let _ = remove_all(state, &gone.user.identities);
        });
    }

    /// Runs a change that cannot fail.
    fn change(&self, work: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut state);
        state.undo_log.clear();
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // It is another directory from now on.
        let state = State { directory_id: None, ..state };
        Self { ambient: self.ambient.clone(), state: Mutex::new(state) }
    }
}

impl Store for Memory {
    fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    fn read<T>(&self, work: impl FnMut(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError> {
        // Reads use the same records as writes.
        self.write(Durability::Process, work)
    }

    fn snapshot<T>(&self, work: impl FnOnce(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError> {
        // A copy, so that other transactions are not blocked.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.roll_back();
        work(&mut state).map_err(|interrupted| match interrupted {
            TxError::Failed(error) => error,
            TxError::Conflict(why) => ApiError::StateChanged(why),
        })
    }

    fn write<T>(
        &self,
        _: Durability,
        mut work: impl FnMut(&mut dyn Records) -> TxResult<T>,
    ) -> Result<T, ApiError> {
        // A panic while the lock was held leaves an open transaction, which is rolled back
        // here.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.roll_back();
        let done = work(&mut *state);
        match done {
            Ok(done) => {
                state.undo_log.clear();
                Ok(done)
            }
            Err(interrupted) => {
                state.roll_back();
                Err(match interrupted {
                    TxError::Failed(error) => error,
                    // The lock prevents conflicts.
                    TxError::Conflict(why) => ApiError::StateChanged(why),
                })
            }
        }
    }
}
