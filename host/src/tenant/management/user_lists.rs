//! Changing the list of a user's roles or organizations.

use axum::http::StatusCode;

use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::model::{ApiError, User};
use crate::tenant::management::problem::Problem;
use crate::tenant::management::scan::each_user;

/// A list of names or ids that a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserList {
    Roles,
    Organizations,
}

impl UserList {
    /// Returns the list of a user.
    pub(super) fn of(self, user: &User) -> &Vec<String> {
        match self {
            Self::Roles => &user.roles,
            Self::Organizations => &user.organizations,
        }
    }

    fn of_mut(self, user: &mut User) -> &mut Vec<String> {
        match self {
            Self::Roles => &mut user.roles,
            Self::Organizations => &mut user.organizations,
        }
    }

    /// Changes the list of a user. Retries if the user is changed at the same time.
    pub(super) fn change(
        self,
        (directory, ambient): (&dyn Administration, &Ambient),
        user_id: &str,
        with: impl Fn(&mut Vec<String>),
    ) -> Result<(), Problem> {
        for _ in 0..5 {
            let stored = directory.get(user_id)?;
            let mut user = User::clone(&stored.user);
            with(self.of_mut(&mut user));
            if self.of(&user) == self.of(&stored.user) {
                return Ok(());
            }
            user.updated_at = Some(ambient.now());
            match directory.update(user, stored.version) {
                Ok(_) => return Ok(()),
                Err(ApiError::StateChanged(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApiError::StateChanged(String::new()).into())
    }

    /// Removes an item from the list of every user, or replaces it with `by`.
    pub(super) fn replace_everywhere(
        self,
        (directory, ambient): (&dyn Administration, &Ambient),
        item: &str,
        by: Option<&str>,
    ) -> Result<(), Problem> {
        let mut members = Vec::new();
        each_user(directory, ambient, |stored| {
            if self.of(&stored.user).iter().any(|it| it == item) {
                members.push(stored.user.user_id.clone());
            }
            Ok(true)
        })?;
        for member in members {
            let done = self.change((directory, ambient), &member, |items| {
                let had = items.len();
                items.retain(|it| it != item && Some(it.as_str()) != by);
                if had > items.len() {
                    items.extend(by.map(str::to_owned));
                }
            });
            match done {
                // The user was deleted in the meantime.
                Err(problem) if problem.status == StatusCode::NOT_FOUND => {}
                other => other?,
            }
        }
        Ok(())
    }
}
