//! The links in mails, which verify an address or let the user choose a new password.

use crate::model::Moment;
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
