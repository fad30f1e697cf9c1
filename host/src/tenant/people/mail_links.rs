//! The links in mails, which verify an address or let the user choose a new password.
//!
//! A link ends with the logins of its account: when the account is blocked, or its password changes.

use std::sync::Arc;

use crate::model::Moment;
use crate::tenant::store::one_time::Use;
use crate::tenant::store::weight::Weighed;

/// The reason why a mailed link or a ticket cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It was used, has expired, or has ended with the logins of its account.
    Used,
    /// The address belongs to another account, or to none.
    Changed,
    /// Its account is blocked. A new password would give an account back that is not.
    Blocked,
}

/// A link that verifies an address of a user.
#[derive(Clone)]
pub(crate) struct VerificationLink {
    pub(crate) user_id: String,
    pub(crate) email: String,
    /// The moment at which the link was sent. A later revocation invalidates the link.
    pub(crate) began: Moment,
}

impl VerificationLink {
    pub(crate) fn new(user_id: &str, email: &str, began: Moment) -> Self {
        Self { user_id: user_id.to_owned(), email: email.to_owned(), began }
    }
}

impl Weighed for VerificationLink {
    fn bytes(&self) -> usize {
        self.user_id.len() + self.email.len()
    }
}

/// A link by which a mailbox proves itself at the login that asked for it.
pub(crate) struct LoginLink {
    /// The secret in the link.
    pub(crate) token: String,
    pub(crate) connection: String,
    /// The address that the link was sent to.
    pub(crate) address: String,
    /// The moment at which the link was sent. A later revocation invalidates the link.
    pub(crate) began: Moment,
    /// Whether the link has been used.
    pub(crate) used: Arc<Use>,
}

impl Weighed for LoginLink {
    fn bytes(&self) -> usize {
        self.token.len() + self.connection.len() + self.address.len()
    }
}

/// A link to a page that asks for a new password.
#[derive(Clone)]
pub(crate) struct ResetLink {
    pub(crate) connection: String,
    pub(crate) email: String,
    /// The ID, without `auth0|`, of the identity that had the address when the link was sent.
    pub(crate) user_id: String,
    /// The moment at which the link was sent. A later revocation invalidates the link.
    pub(crate) began: Moment,
}

impl Weighed for ResetLink {
    fn bytes(&self) -> usize {
        self.connection.len() + self.email.len() + self.user_id.len()
    }
}
