//! Removing a way to log in, which becomes an account of its own.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::directory::Unlink;
use crate::model::{ApiError, Identity, IdentityKey, mask_addresses, user_from_identity};
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::account::account_visit::{
    AccountVisit, Refusal, error_page, show, show_unavailable, submit,
};
use crate::tenant::account::change::Change;
use crate::tenant::account::methods::{Method, Times, digest_identity, list_methods};
use crate::tenant::account::paths::REMOVE;
use crate::tenant::http::html::see_result;
use crate::tenant::http::visit::Visit;
use crate::tenant::notices::{ChangeKind, Contestable};

#[derive(Template)]
#[template(path = "account_remove.html")]
struct RemovePage<'a> {
    form: String,
    version: u64,
    /// Whether the account has changed since the form was shown.
    is_changed: bool,
    removed: Method<'a>,
    left: Vec<Method<'a>>,
}

/// `GET /account/remove`: the effect of a removal.
pub(super) async fn show_effect(visit: Visit) -> Response {
    show(visit, |visit| {
        let prepared = visit.find_removable().and_then(|identity| {
            visit.require_fresh(&visit.named_removal(), StatusCode::OK)?;
            Ok(visit.render_removal(&identity, StatusCode::OK))
        });
        prepared.unwrap_or_else(|refusal| *refusal)
    })
    .await
}

/// `POST /account/remove`: removes a way to log in.
pub(super) async fn remove(visit: Visit) -> Response {
    submit(visit, REMOVE, |visit| {
        let removed = visit.find_removable().and_then(|identity| {
            visit.require_fresh(&visit.named_removal(), StatusCode::FORBIDDEN)?;
            if visit.visit.params.get("version") != Some(visit.account.version.to_string().as_str()) {
                return Ok(visit.render_removal(&identity, StatusCode::CONFLICT));
            }
            Ok(visit.remove(&identity))
        });
        removed.unwrap_or_else(|refusal| *refusal)
    })
    .await
}

impl AccountVisit<'_> {
    fn named_removal(&self) -> Change {
        Change::Remove(self.visit.params.get("identity").unwrap_or_default().to_owned())
    }

    /// Finds the identity that the request names, if it may be removed.
    fn find_removable(&self) -> Result<Identity, Refusal> {
        let refuse = |words: &str| {
            let user = mask_addresses(&self.user().user_id);
            tracing::warn!(target: "audit", %user, why = words, "a removal was refused");
            Box::new(error_page(StatusCode::BAD_REQUEST, words))
        };
        let digest = self.visit.params.get("identity").unwrap_or_default();
        let place = self.user().identities.iter().position(|it| digest_identity(it.key()) == digest);
        let identity = match place {
            None => return Err(refuse("Your account has no such login any more. Open your account again.")),
            Some(0) => {
                return Err(refuse("This is the main login of your account, which cannot be removed."));
            }
            Some(place) => &self.user().identities[place],
        };
        let others = self.user().identities.iter().filter(|it| it.key() != identity.key());
        for other in others {
            match self.is_usable(other.key()) {
                Ok(true) => return Ok(identity.clone()),
                Ok(false) => {}
                Err(error) => return Err(Box::new(show_unavailable(&error))),
            }
        }
        Err(refuse("This is the only way to log in that works. Add another one first."))
    }

    /// Returns whether a user can log in by an identity: its connection is configured, and it has
    /// a password if that is a database.
    fn is_usable(&self, key: IdentityKey<'_>) -> Result<bool, ApiError> {
        match self.tenant().config.connection(key.connection) {
            Some(connection) if connection.is_database() => {
                let credential = self.tenant().directory.credential_of(key.connection, key.user_id)?;
                Ok(credential.is_some_and(|it| it.password.is_some()))
            }
            connection => Ok(connection.is_some()),
        }
    }

    /// Tells both sides.
    fn announce_removal(&self, identity: &Identity) {
        let moved = user_from_identity(identity, self.tenant().ambient.now());
        self.tell(ChangeKind::Removed(Contestable::Yes), [self.user(), &moved]);
    }

    fn render_removal(&self, identity: &Identity, status: StatusCode) -> Response {
        let digest = digest_identity(identity.key());
        let methods = list_methods(&self.tenant().config, self.user(), &Times::default());
        let (removed, left): (Vec<_>, Vec<_>) = methods.into_iter().partition(|it| it.digest == digest);
        let Some(removed) = removed.into_iter().next() else {
            return error_page(StatusCode::BAD_REQUEST, "Open your account again.");
        };
        let page = RemovePage {
            form: self.form_token(REMOVE),
            version: self.account.version,
            is_changed: status == StatusCode::CONFLICT,
            removed,
            left,
        };
        page::respond(status, page.render())
    }

    fn remove(&self, identity: &Identity) -> Response {
        let tenant = self.tenant();
        let unlink = Unlink {
            restores: None,
            keeps_factors: true,
            primary: self.user().user_id.clone(),
            provider: identity.provider.clone(),
            user_id: identity.user_id.clone(),
            provenance: Arc::new(self.provenance()),
            now: tenant.ambient.now(),
        };
        let answer = tenant.directory_without_notices.unlink(&unlink);
        tracing::info!(
            target: "audit", user = %mask_addresses(&unlink.primary),
            identity = %mask_addresses(&identity.as_user_id()), done = answer.is_ok(),
            by = self.session.proved.method, "a user has removed a way to log in"
        );
        match answer {
            Ok(_) => {
                self.announce_removal(identity);
                see_result(&self.address("/account?done=removed"))
            }
            Err(ApiError::StateChanged(_) | ApiError::NotFound(_) | ApiError::Invalid(_)) => {
                self.render_removal(identity, StatusCode::CONFLICT)
            }
            Err(error) => show_unavailable(&error),
        }
    }
}
