//! The logins that are not finished, and the secrets that continue them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ambient::Ambient;
use crate::tenant::config::Lifetimes;
use crate::tenant::flows::authorization_code::AuthorizationCode;
use crate::tenant::flows::pending_login::PendingLogin;
use crate::tenant::flows::tickets::Tickets;
use crate::tenant::people::proved::Proved;
use crate::tenant::store::one_time::{OneTime, Use};
use crate::tenant::store::weight::Weighed;

/// The logins that are not finished.
pub(crate) struct Flows {
    /// Logins with an open page.
    pub(crate) pending: OneTime<Arc<PendingLogin>>,
    /// Authorization codes.
    pub(crate) codes: OneTime<Arc<AuthorizationCode>>,
    /// Used codes, and the refresh tokens that were issued for them.
    pub(crate) spent_codes: OneTime<Arc<Mutex<Spent>>>,
    /// Login tickets of `/co/authenticate`.
    pub(crate) login_tickets: OneTime<Ticket>,
    /// Tickets of the Management API.
    pub(crate) tickets: Tickets,
}

/// A login ticket: a proved identity that `/authorize` continues with.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) client_id: String,
    pub(crate) proved: Proved,
    /// The browser that got it, by its cookie.
    pub(crate) browser: String,
    /// Whether the browser sent that cookie, and so will send it again.
    pub(crate) brought: bool,
    /// Whether the ticket has logged somebody in.
    pub(crate) used: Arc<Use>,
}

impl Weighed for Ticket {
    fn bytes(&self) -> usize {
        self.client_id.len() + self.proved.bytes() + self.browser.len()
    }
}

/// The result of a used code.
#[derive(Default)]
pub(crate) struct Spent {
    /// The family of its refresh tokens.
    pub(crate) family: Option<String>,
    /// Whether the code was used again before the family was known.
    pub(crate) replayed: bool,
}

impl Weighed for Mutex<Spent> {
    fn bytes(&self) -> usize {
        let spent = self.lock().unwrap_or_else(PoisonError::into_inner);
        spent.family.bytes()
    }
}

impl Flows {
    pub(crate) fn new(lifetimes: &Lifetimes, ambient: &Ambient) -> Self {
        Self {
            pending: OneTime::new(lifetimes.code.max(600), ambient),
            codes: OneTime::new(lifetimes.code, ambient),
            spent_codes: OneTime::new(lifetimes.code, ambient),
            login_tickets: OneTime::new(lifetimes.code, ambient),
            tickets: Tickets::new(ambient),
        }
    }
}
