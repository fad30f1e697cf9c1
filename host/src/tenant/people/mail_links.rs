//! The links in mails, which verify an address or let the user choose a new password.

use std::sync::Arc;

use crate::model::Moment;
use crate::tenant::store::one_time::Use;
use crate::tenant::store::weight::Weighed;

/// A link that verifies an address of a user.
#[derive(Clone)]
pub(crate) struct VerificationLink {
    pub(crate) user_id: String,
    pub(crate) email: String,
}

impl VerificationLink {
    pub(crate) fn new(user_id: &str, email: &str) -> Self {
        Self { user_id: user_id.to_owned(), email: email.to_owned() }
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
