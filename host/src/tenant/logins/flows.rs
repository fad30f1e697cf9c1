//! Logins under way, and the secrets that continue them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ambient::Ambient;
use crate::tenant::config::Lifetimes;
use crate::tenant::oauth::issued_tokens::Code;
use crate::tenant::pages::login_forms::Pending;
use crate::tenant::pages::tickets::Tickets;
use crate::tenant::people::proved::Proved;
use crate::tenant::store::one_time::{OneTime, Use};
use crate::tenant::store::weight::Weighed;

/// What is under way.
pub(crate) struct Flows {
    /// Logins whose page is open.
    pub(crate) pending: OneTime<Arc<Pending>>,
    /// Authorization codes.
    pub(crate) codes: OneTime<Arc<Code>>,
    /// Codes that were used, and what came of them.
    pub(crate) spent_codes: OneTime<Arc<Mutex<Spent>>>,
    /// What `/co/authenticate` has given out.
    pub(crate) login_tickets: OneTime<Ticket>,
    /// Links that the Management API hands out.
    pub(crate) tickets: Tickets,
}

/// What a login ticket stands for.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) client_id: String,
    pub(crate) proved: Proved,
    /// The browser that got it, as far as a cookie can tell.
    pub(crate) browser: String,
    /// Whether the browser brought that cookie, and will again.
    pub(crate) brought: bool,
    /// Whether somebody has logged in by it.
    pub(crate) used: Arc<Use>,
}

impl Weighed for Ticket {
    fn bytes(&self) -> usize {
        self.client_id.len() + self.proved.bytes() + self.browser.len()
    }
}

/// What came of a code.
#[derive(Default)]
pub(crate) struct Spent {
    /// The family of its refresh tokens.
    pub(crate) family: Option<String>,
    /// Whether it came again before that was known.
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
