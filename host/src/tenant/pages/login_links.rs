//! The mailed link by which a mailbox proves itself on the tenant's own pages.
//!
//! The link continues the login that asked for it, in the browser in which that login began, and no
//! other. It opens a page with a button: programs that scan mails open links.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use subtle::ConstantTimeEq;

use crate::service::page;
use crate::service::page::filters;
use crate::tenant::config::Connection;
use crate::tenant::embedded::passwordless::check_address;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::visit::Visit;
use crate::tenant::linking::request::describe_linking;
use crate::tenant::pages::login_form::LoginForm;
use crate::tenant::pages::page_view::Page;
use crate::tenant::people::mail_links::LoginLink;
use crate::tenant::people::proved_identity::ProvedIdentity;

/// Refuses a link.
const USED: &str = "This link has expired, or was used already, or a newer one was sent. Request a new one.";

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    state: &'a str,
    token: &'a str,
    address: &'a str,
    linking: Option<String>,
}

/// `GET /u/link`: a page with the button that uses the link.
pub(crate) async fn show_link(visit: Visit) -> Response {
    let show = |visit: &Visit| match LoginForm::open(visit, Page::Link) {
        Ok(form) => match form.find_link() {
            Ok((link, _)) => form.render_link(&link),
            Err(error) => form.show_refusal(&error),
        },
        Err(refusal) => *refusal,
    };
    visit.run(show).await
}

/// `POST /u/link`: logs in by the link, which is thereby used up.
pub(crate) async fn log_in_by_link(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::Link, |form| {
        let proved = form.find_link().and_then(|(link, connection)| {
            if !link.used.begin() {
                return Err(OAuthError::invalid_request(USED));
            }
            let proved = form.tenant().logins.prove_by_mailbox(connection, &link.address);
            Ok(ProvedIdentity { began: link.began, by: Some(link.used.clone()), ..proved })
        });
        match proved {
            Ok(proved) => form.proceed(Ok(proved)),
            Err(error) => form.show_refusal(&error),
        }
    })
    .await
}

impl<'a> LoginForm<'a> {
    /// Mails a link that continues this login.
    pub(super) fn send_link(&self, connection: &Connection, address: &str) -> Result<(), OAuthError> {
        if connection.strategy != "email" {
            return Err(OAuthError::invalid_request("A link can be sent by mail only."));
        }
        let address = check_address(connection, address)?;
        self.tenant().people.message_limit.count(&self.sender().ip, &address)?;
        let link = LoginLink {
            token: self.tenant().ambient.random().secret(),
            connection: connection.name.clone(),
            address,
            began: self.tenant().ambient.draw_moment(),
            used: Arc::default(),
        };
        self.tenant().people.send_login_link(self.issuer(), self.state(), link);
        Ok(())
    }

    /// Finds the link of the request, if it was sent for this login and can still be used.
    fn find_link(&self) -> Result<(Arc<LoginLink>, &'a Connection), OAuthError> {
        let refuse = || {
            tracing::warn!(target: "audit", "a link of a login has expired, was used already, is not the last one, or is of another login");
            OAuthError::invalid_request(USED)
        };
        let token = self.params().get("token").unwrap_or_default();
        let link = self.tenant().people.login_links.get(self.state()).ok_or_else(refuse)?;
        let connection = self.tenant().config.connection(&link.connection).filter(|it| it.is_passwordless());
        let is_last = bool::from(link.token.as_bytes().ct_eq(token.as_bytes()));
        match connection.filter(|it| is_last && self.pending.offers(&it.name)) {
            Some(connection) if !link.used.has_begun() => Ok((link, connection)),
            _ => Err(refuse()),
        }
    }

    fn render_link(&self, link: &LoginLink) -> Response {
        let page = LinkPage {
            state: self.state(),
            token: self.params().get("token").unwrap_or_default(),
            address: &link.address,
            linking: describe_linking(&self.tenant().config, &self.pending),
        };
        page::respond_in_login(StatusCode::OK, page.render())
    }
}
