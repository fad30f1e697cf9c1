//! Login tickets: proofs of an identity that a browser takes to `/authorize`.

use std::sync::Arc;

use crate::tenant::config::Client;
use crate::tenant::flows::stores::LoginTicket;
use crate::tenant::http::browser::Browser;
use crate::tenant::http::visit::Visit;
use crate::tenant::people::proved_identity::ProvedIdentity;

/// The browsers that may use a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The browser that got the ticket, by its cookie.
    OneBrowser,
    /// The same, unless that browser had sent no cookie. Pages of older libraries send their request
    /// without cookies, and the browser ignores those of the response.
    OneBrowserIfKnown,
}

/// An issued login ticket.
pub(crate) struct IssuedLoginTicket {
    /// The random name of the ticket.
    pub(crate) ticket: String,
    /// The browser that gets it.
    pub(crate) browser: Browser,
}

impl IssuedLoginTicket {
    /// Issues a ticket to the browser of a visit.
    pub(crate) fn issue(visit: &Visit, client: &Client, proved: ProvedIdentity, audience: Audience) -> Self {
        let mut browser = Browser::from_visit(visit);
        let ticket = LoginTicket {
            client_id: client.client_id.clone(),
            proved,
            is_bound: audience == Audience::OneBrowser || browser.sent_id().is_some(),
            browser: browser.get_or_draw_id(),
            used: Arc::default(),
        };
        Self { ticket: visit.tenant.flows.login_tickets.put(ticket), browser }
    }
}
