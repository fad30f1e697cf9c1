//! The result of a login.

use std::sync::Arc;

use crate::model::{Step, User};

/// The result of a login.
pub(crate) enum LoggedIn {
    /// The user is logged in, and tokens are issued for this user.
    As(Arc<User>),
    /// The policy requests a step first: to prove that the candidates belong to the user.
    Prompted {
        /// The user of the login.
        current: Arc<User>,
        /// The step that the user is to take.
        step: Step,
        /// The candidates: other accounts, of which the user is to prove one.
        candidates: Vec<String>,
        /// The policy that requests the step.
        policy: String,
    },
}

impl LoggedIn {
    /// Returns the user. For a login in which no user can be prompted.
    pub(crate) fn user(self) -> Arc<User> {
        match self {
            Self::As(user) | Self::Prompted { current: user, .. } => user,
        }
    }
}

/// The reason why a login failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLoggedIn {
    /// The plugin denied the login.
    #[error("{0}")]
    Denied(String),
    /// The user has a second factor, which this login has not passed.
    #[error("a second factor is required")]
    LacksSecondFactor,
    /// The user is blocked.
    #[error("user is blocked")]
    Blocked,
    /// The user no longer exists.
    #[error("the user is gone")]
    Gone,
    /// The login began before the password or the address was changed, or before the user was
    /// blocked or deleted.
    #[error("the login was revoked")]
    Revoked,
    /// The directory failed.
    #[error("{0}")]
    Failed(String),
}
