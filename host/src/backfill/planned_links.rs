//! A directory in which a login can make the planned links only.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::group_decision::PlannedLogin;
use crate::directory::{CheckedLink, Directory, MetadataUpdate, PairReading, Stored};
use crate::model::{ApiError, IdentityKey, User};

/// A directory in front of another one. It refuses every link that is not planned, and names the run
/// in the evidence of the links.
pub(super) struct PlannedLinks {
    directory: Arc<dyn Directory>,
    shared: Arc<Shared>,
}

struct Shared {
    run_id: String,
    primary: String,
    others: Vec<String>,
    /// The first failure that may pass.
    failure: Mutex<Option<ApiError>>,
}

impl PlannedLinks {
    /// Creates the directory of a login.
    pub(super) fn new(directory: Arc<dyn Directory>, run_id: &str, login: &PlannedLogin) -> Self {
        let shared = Shared {
            run_id: run_id.to_owned(),
            primary: login.primary.clone().unwrap_or_default(),
            others: login.others.clone(),
            failure: Mutex::default(),
        };
        Self { directory, shared: Arc::new(shared) }
    }

    /// Returns the first failure that may pass, such as that of the network.
    pub(super) fn take_failure(&self) -> Option<ApiError> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note<T>(&self, result: Result<T, ApiError>) -> Result<T, ApiError> {
        if let Err(error @ (ApiError::Unavailable(_) | ApiError::TimedOut | ApiError::RateLimited { .. })) =
            &result
        {
            let mut failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| error.clone());
        }
        result
    }
}

impl Directory for PlannedLinks {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.note(self.directory.find_by_email(email, limit))
    }

    fn ignores_case(&self) -> bool {
        self.directory.ignores_case()
    }

    fn find_by_both_cases(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.note(self.directory.find_by_both_cases(email, limit))
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.note(self.directory.get(user_id))
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.note(self.directory.owner(identity))
    }

    fn read_pair(&self, known: [&User; 2]) -> PairReading {
        let reading = self.directory.read_pair(known);
        let users = reading.users.map(|user| self.note(user));
        PairReading { users, ..reading }
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        let Shared { run_id, primary, others, .. } = &*self.shared;
        if link.request.primary != *primary || !others.contains(&link.request.secondary) {
            return Err(ApiError::Refused("the plan does not have this link".to_owned()));
        }
        self.note(self.directory.link(&link.clone().of_run(run_id)))
    }

    fn for_login(&self, time: Duration) -> Option<Arc<dyn Directory>> {
        let directory = self.directory.for_login(time)?;
        Some(Arc::new(Self { directory, shared: self.shared.clone() }))
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        self.note(self.directory.patch_metadata(update))
    }
}
