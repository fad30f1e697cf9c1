//! Users as a directory stores them.

use std::sync::Arc;

use crate::model::User;

/// A user and its version.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The user.
    pub user: Arc<User>,
    /// Increases with every change of the user, except for counted logins.
    pub version: u64,
}
