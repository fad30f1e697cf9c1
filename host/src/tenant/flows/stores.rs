//! Unfinished logins, and the secrets by which they continue.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ambient::Ambient;
use crate::tenant::config::Lifetimes;
use crate::tenant::flows::account_proof::AccountProof;
use crate::tenant::flows::authorization_code::AuthorizationCode;
use crate::tenant::flows::pending_login::PendingLogin;
use crate::tenant::flows::tickets::Tickets;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::store::one_time::{OneTime, Use};
use crate::tenant::store::weight::Weighed;

/// The unfinished logins.
pub(crate) struct Flows {
    /// Logins with an open page.
    pub(crate) pending: OneTime<Arc<PendingLogin>>,
    /// Authorization codes.
    pub(crate) codes: OneTime<Arc<AuthorizationCode>>,
    /// Used codes, with the tokens that were issued for them.
    pub(crate) used_codes: OneTime<Arc<Mutex<UsedCode>>>,
    /// Login tickets of `/co/authenticate`.
    pub(crate) login_tickets: OneTime<LoginTicket>,
    /// Tickets of the Management API.
    pub(crate) tickets: Tickets,
    /// Proofs of second accounts, which wait for their owners to confirm the links.
    pub(crate) account_proofs: OneTime<Arc<AccountProof>>,
}

/// The lifetime of the proof of a second account, in seconds.
const ACCOUNT_PROOF_S: u64 = 300;

/// A login ticket: a proved identity with which `/authorize` continues.
#[derive(Clone)]
pub(crate) struct LoginTicket {
    pub(crate) client_id: String,
    pub(crate) proved: ProvedIdentity,
    /// The browser to which the ticket was issued, by its cookie.
    pub(crate) browser: String,
    /// Whether no other browser may use the ticket.
    pub(crate) is_bound: bool,
    /// Whether the ticket has been used for a login.
    pub(crate) used: Arc<Use>,
}

impl Weighed for LoginTicket {
    fn bytes(&self) -> usize {
        self.client_id.len() + self.proved.bytes() + self.browser.len()
    }
}

/// The result of a used code.
pub(crate) struct UsedCode {
    /// The name of the grant, which is in every token that was issued for the code.
    pub(crate) grant: String,
    /// The family of the refresh tokens issued for the code.
    pub(crate) family: Option<String>,
    /// Whether the code was used again before the family was known.
    pub(crate) replayed: bool,
}

impl Weighed for Mutex<UsedCode> {
    fn bytes(&self) -> usize {
        let spent = self.lock().unwrap_or_else(PoisonError::into_inner);
        spent.grant.len() + spent.family.bytes()
    }
}

impl Flows {
    pub(crate) fn new(lifetimes: &Lifetimes, ambient: &Ambient) -> Self {
        Self {
            pending: OneTime::new(lifetimes.code.max(600), ambient),
            codes: OneTime::new(lifetimes.code, ambient),
            used_codes: OneTime::new(lifetimes.code, ambient),
            login_tickets: OneTime::new(lifetimes.code, ambient),
            tickets: Tickets::new(ambient),
            account_proofs: OneTime::new(ACCOUNT_PROOF_S, ambient),
        }
    }
}
