//! The policy alone, over a table of users in memory: without the guard, and so without any check of what
//! the policy asks for. Only for measurements.

use std::collections::BTreeMap;

use ligature_host::model::{self, Timestamp};
use ligature_link_policy::Policy;
use link_users_by_email::bindings::{self, ApiError, LinkRequest, LoginEvent, Outcome, User};
use link_users_by_email::carry_out::{Host, on_login};

use crate::types;

/// Users by their ids, and ids by their addresses.
#[derive(Debug, Clone)]
pub struct PlainDirectory {
    users: BTreeMap<String, User>,
    by_email: BTreeMap<String, Vec<String>>,
    current: String,
    now: Timestamp,
}

impl PlainDirectory {
    /// Creates a directory with these users, for one login of `current` at this time.
    pub fn new<'a>(users: impl IntoIterator<Item = &'a model::User>, current: &str, now: Timestamp) -> Self {
        let mut directory =
            Self { users: BTreeMap::new(), by_email: BTreeMap::new(), current: current.to_owned(), now };
        for user in users.into_iter().map(types::user) {
            if let Some(email) = &user.email {
                let ids = directory.by_email.entry(email.to_ascii_lowercase()).or_default();
                ids.push(user.user_id.clone());
            }
            directory.users.insert(user.user_id.clone(), user);
        }
        directory
    }

    /// Reads the policy of the event, and decides the login by it.
    ///
    /// # Errors
    ///
    /// The first fault of the policy.
    pub fn decide(&mut self, event: &LoginEvent) -> Result<Outcome, String> {
        let policy = Policy::read_and_check(&event.settings).map_err(|fault| fault.message)?;
        Ok(on_login(event, &policy, self))
    }

    /// Returns the id of the user who has the identity with this id.
    #[must_use]
    pub fn owner(&self, id: &str) -> Option<&str> {
        let has = |user: &&User| {
            user.identities.iter().any(|it| id.split_once('|') == Some((&it.provider, &it.user_id)))
        };
        self.users.values().find(has).map(|user| user.user_id.as_str())
    }
}

impl Host for PlainDirectory {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError> {
        let ids = self.by_email.get(&email.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let others = ids.iter().filter(|id| **id != self.current);
        Ok(others.filter_map(|id| self.users.get(id)).cloned().collect())
    }

    fn ignores_case(&mut self) -> bool {
        true
    }

    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
        let Some(secondary) = self.users.remove(&request.secondary) else {
            return Err(ApiError::NotFound(request.secondary.clone()));
        };
        let Some(primary) = self.users.get_mut(&request.primary) else {
            return Err(ApiError::NotFound(request.primary.clone()));
        };
        primary.identities.extend(secondary.identities);
        Ok(())
    }

    fn now(&mut self) -> bindings::Timestamp {
        self.now.as_millis()
    }
}
