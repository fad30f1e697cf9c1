//! Logins, as a directory counts them.

use std::net::IpAddr;

use crate::model::Timestamp;

/// A login of a user, to be counted.
#[derive(Debug, Clone, Copy)]
pub struct CountedLogin<'a> {
    /// The user that the login continues as.
    pub user_id: &'a str,
    /// The provider and the id of the identity that has logged in, if it is known.
    pub identity: Option<(&'a str, &'a str)>,
    /// The time of the login.
    pub at: Timestamp,
    /// The IP address, if it is known.
    pub ip: Option<IpAddr>,
}

/// The last login of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityUse {
    /// The identity's provider.
    pub provider: String,
    /// The identity's id.
    pub user_id: String,
    /// The time of its last login.
    pub at: Timestamp,
}

impl IdentityUse {
    /// Returns whether it is the last login of this identity.
    pub(super) fn is_of(&self, provider: &str, user_id: &str) -> bool {
        self.provider == provider && self.user_id == user_id
    }
}
