//! A tenant of Auth0, opened as a directory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ambient::Ambient;
use crate::auth0::{CallError, TimeLimit, UsersApi};
use crate::directory::link_journal::LinkJournal;
use crate::directory::open_mode::OpenMode;
use crate::directory::repair::{Repair, RepairOutcome};
use crate::directory::state::ErrorCounts;
use crate::model::{ApiError, mask_addresses};

/// The time that one operation has, all of its requests together.
pub(super) const OPERATION: Duration = Duration::from_secs(20);

/// A tenant of Auth0 as a directory, with the journal in a directory of its own.
///
/// Auth0 has no transactions and no conditional requests. A link checks both versions
/// directly before its request, so a change within those milliseconds is not noticed.
#[derive(Clone)]
pub struct Auth0Directory {
    pub(super) api: Arc<dyn UsersApi>,
    pub(super) journal: Arc<dyn LinkJournal>,
    pub(super) ambient: Ambient,
    pub(super) errors: Arc<ErrorCounts>,
    mode: OpenMode,
    /// The hosts at which users log in, in lower case; empty if they are not known.
    pub(super) login_hosts: Arc<[String]>,
    /// The canonical host; none for a tenant of this machine.
    pub(super) tenant_host: Option<Arc<str>>,
    /// The id: the domain of the tenant.
    pub(super) directory_id: Option<Arc<str>>,
    /// The limit of all operations of one login together; none for twenty seconds each.
    login_limit: Option<TimeLimit>,
    /// The changes that the opening has completed or ended, until a repair reports them.
    settled_at_opening: Arc<Mutex<Vec<Repair>>>,
}

impl Auth0Directory {
    /// Opens a tenant. If the mode writes, interrupted changes are repaired first.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read. A change that cannot be repaired is logged.
    pub fn open(
        api: Arc<dyn UsersApi>,
        journal: Arc<dyn LinkJournal>,
        mode: OpenMode,
    ) -> Result<Self, ApiError> {
        let ambient = journal.ambient().clone();
        let directory = Self {
            api,
            journal,
            ambient,
            errors: Arc::default(),
            mode,
            login_hosts: Arc::default(),
            tenant_host: None,
            directory_id: None,
            login_limit: None,
            settled_at_opening: Arc::default(),
        };
        if mode.can_write() {
            let mut repairs = directory.repair_all()?;
            repairs.iter().for_each(log_repair);
            repairs.retain(|repair| repair.outcome.is_settled());
            *directory.lock_settled() = repairs;
        }
        Ok(directory)
    }

    /// Returns the changes that the opening has completed or ended, once.
    pub(super) fn take_settled_at_opening(&self) -> Vec<Repair> {
        std::mem::take(&mut self.lock_settled())
    }

    fn lock_settled(&self) -> MutexGuard<'_, Vec<Repair>> {
        self.settled_at_opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the directory with the hosts at which users log in. Logins at other hosts are
    /// those of another tenant.
    #[must_use]
    pub fn with_login_hosts(self, hosts: Vec<String>) -> Self {
        Self { login_hosts: hosts.into(), ..self }
    }

    /// Returns the directory with the canonical host of the tenant.
    #[must_use]
    pub fn with_tenant_host(self, host: Option<&str>) -> Self {
        Self { tenant_host: host.map(Arc::from), ..self }
    }

    /// Returns the directory with the id of a tenant's directory.
    #[must_use]
    pub fn with_directory_id(self, id: &str) -> Self {
        Self { directory_id: Some(id.into()), ..self }
    }

    /// Returns the directory for one login, whose operations end within this time together.
    /// The requests of the login share a correlation id.
    pub(super) fn within(&self, time: Duration) -> Self {
        let limit = TimeLimit::after(&self.ambient, time.min(OPERATION));
        let api = self.api.for_login().unwrap_or_else(|| self.api.clone());
        Self { api, login_limit: Some(limit), ..self.clone() }
    }

    /// Returns the limit of an operation that begins now.
    pub(super) fn new_limit(&self) -> TimeLimit {
        self.login_limit.unwrap_or_else(|| TimeLimit::after(&self.ambient, OPERATION))
    }

    /// Returns whether changes are made; false in a dry run.
    ///
    /// # Errors
    ///
    /// `invalid` if the directory was opened for reading only.
    pub(super) fn writes(&self) -> Result<bool, ApiError> {
        match self.mode {
            OpenMode::Create | OpenMode::Existing | OpenMode::ExistingJournal => Ok(true),
            OpenMode::DryRun => Ok(false),
            OpenMode::ReadOnly | OpenMode::ReadUsers => {
                Err(ApiError::Invalid("the tenant is opened for reading only".to_owned()))
            }
        }
    }

    /// Fails if the directory was not opened for writing.
    pub(super) fn require_writing(&self) -> Result<(), ApiError> {
        if self.writes()? {
            return Ok(());
        }
        Err(ApiError::Invalid("in a dry run, this change of a tenant is not possible".to_owned()))
    }

    /// Returns the error of a call, and counts it.
    pub(super) fn failed(&self, error: CallError) -> ApiError {
        self.counted(error.into_api_error())
    }

    /// Returns the error of a call about one user, and counts it.
    pub(super) fn failed_of(&self, error: CallError, user_id: &str) -> ApiError {
        self.counted(error.into_api_error_of(user_id))
    }

    /// Counts an error, and returns it.
    pub(super) fn counted(&self, error: ApiError) -> ApiError {
        self.errors.count(&error);
        error
    }
}

fn log_repair(Repair { entry, outcome }: &Repair) {
    match outcome {
        RepairOutcome::Unresolved { why } => {
            tracing::warn!(entry = %entry.id, why = %mask_addresses(why), "an interrupted change could not be repaired");
        }
        RepairOutcome::Finished { notes } => {
            let notes = notes.join(" ");
            tracing::info!(entry = %entry.id, notes = %mask_addresses(&notes), "an interrupted change was completed");
        }
        RepairOutcome::Abandoned => {
            tracing::info!(entry = %entry.id, "an interrupted change had not happened");
        }
        RepairOutcome::UnderWay { .. } => {
            tracing::info!(entry = %entry.id, "a change may still be under way in another process");
        }
    }
}
