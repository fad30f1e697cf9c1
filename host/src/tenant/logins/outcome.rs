//! The result of a login.

use std::sync::Arc;

use crate::model::{Step, User};

/// The result of a login.
pub(crate) enum LoggedIn {
    /// The user is logged in: tokens are for this user.
    As(Arc<User>),
    /// The policy asks for a step first: to prove that the candidates are the user's.
    Prompted {
        /// The user of the login.
        current: Arc<User>,
        /// The step that the user is to take.
        step: Step,
        /// The other accounts, of which one is to be proved.
        candidates: Vec<String>,
        /// The policy that asks for it.
        policy: String,
    },
}

impl LoggedIn {
    /// Returns the user, for a login without anybody to prompt.
    pub(crate) fn user(self) -> Arc<User> {
        match self {
            Self::As(user) | Self::Prompted { current: user, .. } => user,
        }
    }
}

/// The reason why a login failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLoggedIn {
    /// The plugin denied it.
    #[error("{0}")]
    Denied(String),
    /// The user is blocked.
    #[error("user is blocked")]
    Blocked,
    /// The user no longer exists.
    #[error("the user is gone")]
    Gone,
    /// The login began before the password or the address was changed, or the
    /// user blocked or deleted.
    #[error("the login was revoked")]
    Revoked,
    /// The directory failed.
    #[error("{0}")]
    Failed(String),
}
