//! Links that the Management API hands out: they verify an address, or set a
//! password. Whoever hands them out says which account they are for and where
//! they lead afterwards; what they change, they change once.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::ambient::Ambient;
use crate::directory::Credential;
use crate::model::{ApiError, IdentityKey, Moment, Timestamp};
use crate::tenant::embedded::database;
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{OAuthError, PASSWORD_CHANGED, USED};
use crate::tenant::http::params::{InQuery, Params};
use crate::tenant::logins::mailbox_proof;
use crate::tenant::logins::mailbox_proof::part_unproved_links;
use crate::tenant::logins::mailbox_proof::try_verify_email;
use crate::tenant::pages::login_pages;
use crate::tenant::people::passwords::Wrong;
use crate::tenant::server::blocking::run;
use crate::tenant::state::{Shared, Tenant};
use crate::tenant::store::one_time::OneTime;
use crate::tenant::store::weight::Weighed;

/// The longest that a ticket may be good for, in seconds.
pub(crate) const LONGEST_S: u64 = 30 * 86_400;

/// Tickets that were handed out.
pub(crate) struct Tickets {
    passwords: OneTime<PasswordTicket>,
    verifications: OneTime<VerificationTicket>,
}

/// Where a ticket leads once it is used.
#[derive(Debug, Clone)]
pub(crate) struct Then {
    pub(crate) url: url::Url,
    /// The address, if it is to be told there.
    pub(crate) email: Option<String>,
}

/// Leave to set the password of one identity of a database.
#[derive(Debug, Clone)]
pub(crate) struct PasswordTicket {
    pub(crate) connection: String,
    /// The identity, without `auth0|`.
    pub(crate) identity: String,
    /// The address that is verified by it, too.
    pub(crate) verifies: Option<String>,
    pub(crate) then: Option<Then>,
    /// When it was handed out, among the revocations.
    pub(crate) began: Moment,
    pub(crate) until: Timestamp,
}

/// Leave to verify an address of one user.
#[derive(Debug, Clone)]
pub(crate) struct VerificationTicket {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) then: Option<Then>,
    pub(crate) until: Timestamp,
}

impl Weighed for Then {
    fn bytes(&self) -> usize {
        self.url.as_str().len() + self.email.bytes()
    }
}

impl Then {
    /// To where it leads, with what has happened.
    fn follow(mut self, message: &str) -> Response {
        {
            let mut query = self.url.query_pairs_mut();
            if let Some(email) = &self.email {
                query.append_pair("email", email);
            }
            query
                .append_pair("success", "true")
                .append_pair("code", "success")
                .append_pair("message", message);
        }
        see_other(self.url.as_str())
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

    /// Keeps a ticket. Returns its name.
    pub(crate) fn password(&self, ticket: PasswordTicket) -> String {
        self.passwords.put(ticket)
    }

    /// Keeps a ticket. Returns its name.
    pub(crate) fn verification(&self, ticket: VerificationTicket) -> String {
        self.verifications.put(ticket)
    }
}

#[derive(Template)]
#[template(path = "verification.html")]
struct Verification<'a> {
    nonce: &'a str,
    ticket: &'a str,
    email: &'a str,
}

fn used() -> Response {
    html::error_page(StatusCode::BAD_REQUEST, USED)
}

/// A page with a button that verifies an address, be the link of a mail or of
/// the Management API.
pub(crate) async fn verification_page(State(tenant): State<Shared>, InQuery(params): InQuery) -> Response {
    let ticket = params.get("ticket").unwrap_or_default();
    match tenant.flows.tickets.verifications.get(ticket) {
        None => login_pages::verification(State(tenant), InQuery(params)).await,
        Some(known) if known.until <= tenant.ambient.now() => used(),
        Some(VerificationTicket { email, .. }) => {
            let nonce = html::nonce();
            html::page(StatusCode::OK, Verification { nonce: &nonce, ticket, email: &email }.render(), &nonce)
        }
    }
}

/// Verifies an address.
pub(crate) async fn verify_email(State(tenant): State<Shared>, params: Params) -> Response {
    run(&tenant, move |tenant| {
        let ticket = params.get("ticket").unwrap_or_default();
        let verified = tenant.flows.tickets.verifications.spend(ticket, |known| verified(tenant, known));
        match verified {
            None => database::verify(tenant, ticket),
            Some(Ok(response)) => response,
            Some(Err(error)) => unavailable(error).into_response(),
        }
    })
    .await
}

fn verified(tenant: &Tenant, ticket: &VerificationTicket) -> Result<Response, ApiError> {
    let VerificationTicket { user_id, email, then, until, .. } = ticket;
    if *until <= tenant.ambient.now() {
        return Ok(used());
    }
    if !mailbox_proof::verify_email(&*tenant.directory, user_id, email, tenant.ambient.now())? {
        return Ok(html::error_page(StatusCode::BAD_REQUEST, "The account has another address by now."));
    }
    tenant.logins.events.record_verification(user_id, email);
    Ok(match then {
        Some(then) => then.clone().follow("Your email was verified. You can continue using the application."),
        None => html::message_page(StatusCode::OK, "Done", "Your address is verified."),
    })
}

/// A page that asks for a new password.
pub(crate) async fn reset_page(State(tenant): State<Shared>, InQuery(params): InQuery) -> Response {
    let ticket = params.get("ticket").unwrap_or_default();
    match tenant.flows.tickets.passwords.get(ticket) {
        None => login_pages::reset(State(tenant), InQuery(params)).await,
        Some(known) if known.until <= tenant.ambient.now() => used(),
        Some(_) => login_pages::reset_page(ticket, None),
    }
}

/// Sets a new password.
pub(crate) async fn reset(State(tenant): State<Shared>, params: Params) -> Response {
    run(&tenant, move |tenant| {
        let ticket = params.get("ticket").unwrap_or_default();
        match tenant.flows.tickets.passwords.get(ticket) {
            None => database::reset(tenant, &params),
            Some(known) if known.until <= tenant.ambient.now() => used(),
            Some(_) => set(tenant, ticket, params.get("password").unwrap_or_default()),
        }
    })
    .await
}

fn set(tenant: &Tenant, ticket: &str, password: &str) -> Response {
    let hash = match tenant.people.passwords.hash(password) {
        Ok(hash) => hash,
        Err(Wrong::Busy) => return OAuthError::busy().into_response(),
        Err(_) => {
            return login_pages::reset_page(ticket, Some("The password is too weak: 8 to 256 characters."));
        }
    };
    let set = tenant.flows.tickets.passwords.spend(ticket, |ticket| {
        let is_set = set_hash(tenant, ticket, hash)?;
        Ok(is_set.then(|| match &ticket.then {
            Some(then) => then.clone().follow("You can now login to the application with the new password."),
            None => html::message_page(StatusCode::OK, "Done", PASSWORD_CHANGED),
        }))
    });
    match set {
        Some(Ok(Some(response))) => response,
        Some(Ok(None)) | None => used(),
        Some(Err(error)) => unavailable(error).into_response(),
    }
}

/// False if the identity is gone, or has another password since.
fn set_hash(tenant: &Tenant, ticket: &PasswordTicket, hash: String) -> Result<bool, ApiError> {
    let PasswordTicket { connection, identity, verifies, began, .. } = ticket;
    let key = IdentityKey { connection, provider: "auth0", user_id: identity };
    let user_id = format!("auth0|{identity}");
    let Some(owner) = tenant.directory.owner(key)? else { return Ok(false) };
    if tenant.people.revocations.is_revoked(&user_id, *began) {
        return Ok(false);
    }
    let known = tenant.directory.credential_of(connection, identity)?;
    let credential = known.unwrap_or_else(|| Credential {
        connection: connection.clone(),
        user_id: identity.clone(),
        // The user's own identity may have been imported without a credential; it has the
        // user's address, and another identity does not.
        email: owner.user.email.clone().filter(|_| owner.user.user_id == user_id),
        username: None,
        password: None,
    });
    let credential = Credential { password: Some(hash), ..credential };
    part_unproved_links(&*tenant.directory, &owner.user, &user_id, tenant.ambient.now())?;
    tenant.directory.set_credential(&credential)?;
    tenant.people.apply_credential_change(&credential, &owner.user);
    tracing::info!(target: "audit", connection, "a password was set by a ticket");
    let email = owner.user.email.as_deref().unwrap_or_default();
    tenant.logins.events.record_account_event(&tenant.config, "scp", (connection, &user_id, email));
    if let Some(email) = verifies {
        try_verify_email(&*tenant.directory, &user_id, email, tenant.ambient.now());
    }
    Ok(true)
}
