//! The tickets that the Management API issues: links that verify an address or set a
//! password.

use crate::ambient::Ambient;
use crate::model::{Moment, Timestamp};
use crate::tenant::store::one_time::OneTime;
use crate::tenant::store::weight::Weighed;

/// The longest lifetime of a ticket, in seconds.
pub(crate) const LONGEST_S: u64 = 30 * 86_400;

/// The issued tickets.
pub(crate) struct Tickets {
    pub(crate) passwords: OneTime<PasswordTicket>,
    pub(crate) verifications: OneTime<VerificationTicket>,
}

/// The page that a ticket leads to after it was used.
#[derive(Debug, Clone)]
pub(crate) struct ResultPage {
    pub(crate) url: url::Url,
    /// The address, if the page is to get it.
    pub(crate) email: Option<String>,
}

/// A ticket to set the password of one identity of a database.
#[derive(Debug, Clone)]
pub(crate) struct PasswordTicket {
    pub(crate) connection: String,
    /// The id of the identity, without `auth0|`.
    pub(crate) identity: String,
    /// The address that the ticket verifies too, if any.
    pub(crate) verifies: Option<String>,
    pub(crate) then: Option<ResultPage>,
    /// When it was issued, in the order of revocations.
    pub(crate) began: Moment,
    pub(crate) until: Timestamp,
}

/// A ticket to verify an address of one user.
#[derive(Debug, Clone)]
pub(crate) struct VerificationTicket {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) then: Option<ResultPage>,
    /// When it was issued, in the order of revocations.
    pub(crate) began: Moment,
    pub(crate) until: Timestamp,
}

impl Weighed for ResultPage {
    fn bytes(&self) -> usize {
        self.url.as_str().len() + self.email.bytes()
    }
}

impl Weighed for PasswordTicket {
    fn bytes(&self) -> usize {
        self.connection.len() + self.identity.len() + self.verifies.bytes() + self.then.bytes()
    }
}

impl Weighed for VerificationTicket {
    fn bytes(&self) -> usize {
        self.user_id.len() + self.email.len() + self.then.bytes()
    }
}

impl Tickets {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        let (passwords, verifications) = (OneTime::new(LONGEST_S, ambient), OneTime::new(LONGEST_S, ambient));
        Self { passwords, verifications }
    }

    /// Keeps a ticket. Returns its random name.
    pub(crate) fn keep_password(&self, ticket: PasswordTicket) -> String {
        self.passwords.put(ticket)
    }

    /// Keeps a ticket. Returns its random name.
    pub(crate) fn keep_verification(&self, ticket: VerificationTicket) -> String {
        self.verifications.put(ticket)
    }
}
