//! Mailing a link that verifies the address of an account whose owner is logged in, or has proved it.

use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};

use crate::model::{User, mask_addresses};
use crate::tenant::account::account_visit::{AccountVisit, Refusal, error_page, submit};
use crate::tenant::account::paths::VERIFY;
use crate::tenant::config::Connection;
use crate::tenant::http::html::see_result;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::visit::Visit;
use crate::tenant::people::mail_links::VerificationLink;

/// `POST /account/verify`: mails the link to this account, or to the second one of a proof.
pub(super) async fn send(visit: Visit) -> Response {
    submit(visit, VERIFY, |visit| {
        if visit.visit.params.get("of") != Some("other") {
            return visit
                .mail_verification(visit.user(), "/account?done=mailed")
                .unwrap_or_else(|refusal| *refusal);
        }
        let Some(proof) = visit.tenant().flows.account_proofs.get(visit.proof_name()) else {
            return error_page(StatusCode::BAD_REQUEST, "This page has expired. No mail was sent.");
        };
        let sent =
            visit.accept_proof(&proof).and_then(|()| visit.read_second(&proof.second)).and_then(|other| {
                let state: String =
                    url::form_urlencoded::byte_serialize(visit.proof_name().as_bytes()).collect();
                visit.mail_verification(
                    &other.stored.user,
                    &format!("/account/link?state={state}&notice=mail"),
                )
            });
        sent.unwrap_or_else(|refusal| *refusal)
    })
    .await
}

fn show_too_many(error: &OAuthError) -> Response {
    let page = error_page(error.status, &error.description);
    (error.retry_after().map(AppendHeaders), page).into_response()
}

impl AccountVisit<'_> {
    /// Returns whether a mail can verify the address: it is that of a database account. A provider
    /// says itself which addresses it has verified.
    pub(super) fn can_verify(&self, user: &User) -> bool {
        user.email.is_some() && !user.email_verified.is_verified() && self.find_database(user).is_some()
    }

    fn find_database(&self, user: &User) -> Option<&Connection> {
        let main = user.identities.first()?;
        self.tenant().config.connection(&main.connection).filter(|it| it.is_database())
    }

    fn mail_verification(&self, user: &User, then: &str) -> Result<Response, Refusal> {
        let (Some(email), Some(connection), true) =
            (&user.email, self.find_database(user), self.can_verify(user))
        else {
            let words = "There is no address that a mail could verify. No mail was sent.";
            return Err(Box::new(error_page(StatusCode::BAD_REQUEST, words)));
        };
        let limit = &self.tenant().people.message_limit;
        limit
            .count(&self.visit.sender.ip, email)
            .map_err(|too_many| Box::new(show_too_many(&too_many.into())))?;
        let link = VerificationLink::new(&user.user_id, email, self.tenant().ambient.draw_moment());
        self.tenant().people.send_verification(&self.visit.issuer, connection, link);
        tracing::info!(
            target: "audit", user = %mask_addresses(&user.user_id), "a user has asked for a mail to verify an address"
        );
        Ok(see_result(&self.address(then)))
    }
}
