//! Login tickets: proofs of an identity that a browser takes to `/authorize`.

use std::sync::Arc;

use crate::tenant::config::Client;
use crate::tenant::flows::stores::LoginTicket;
use crate::tenant::http::browser::Browser;
use crate::tenant::http::visit::Visit;
use crate::tenant::people::proved_identity::ProvedIdentity;

/// An issued login ticket.
pub(crate) struct IssuedLoginTicket {
    /// The random name of the ticket.
    pub(crate) ticket: String,
    /// The browser that gets it.
    pub(crate) browser: Browser,
}

impl IssuedLoginTicket {
    /// Issues a ticket to the browser of a visit.
    pub(crate) fn issue(visit: &Visit, client: &Client, proved: ProvedIdentity) -> Self {
        let mut browser = Browser::from_visit(visit);
        let ticket = LoginTicket {
            client_id: client.client_id.clone(),
            proved,
            brought: browser.sent_id().is_some(),
            browser: browser.get_or_draw_id(),
            used: Arc::default(),
        };
        Self { ticket: visit.tenant.flows.login_tickets.put(ticket), browser }
    }
}
