//! The second account of a link, as its proof names it: its owner now, or the account that the link
//! would create.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::directory::Stored;
use crate::model::{ApiError, User, mask_addresses};
use crate::tenant::account::account_visit::{AccountVisit, Refusal, error_page, show_unavailable};
use crate::tenant::config::Connection;
use crate::tenant::flows::account_proof::AccountProof;
use crate::tenant::http::browser::Browser;
use crate::tenant::people::proved_identity::ProvedIdentity;

/// The second account of a link.
pub(super) struct SecondAccount {
    pub(super) stored: Stored,
    /// Whether the identity has no account yet, so that the link creates it.
    pub(super) is_new: bool,
}

impl AccountVisit<'_> {
    /// Returns the name of the proof in the request.
    pub(super) fn proof_name(&self) -> &str {
        self.visit.params.get("state").unwrap_or_default()
    }

    /// Refuses a proof of another browser or session, or of a login that was revoked since.
    pub(super) fn accept_proof(&self, proof: &AccountProof) -> Result<(), Refusal> {
        let is_here = Browser::from_visit(self.visit).sent_id().as_deref() == Some(proof.browser.as_str());
        if !is_here || self.session.sid != proof.sid {
            tracing::warn!(target: "audit", is_here, "a proof of a second account came from another session");
            let words =
                "This page belongs to another browser or to an earlier login. Open your account again.";
            return Err(Box::new(error_page(StatusCode::FORBIDDEN, words)));
        }
        let ProvedIdentity { user, began, .. } = &proof.second;
        if self.tenant().people.revocations.is_revoked(&user.user_id, *began)
            || self.user().user_id != proof.owner
        {
            tracing::warn!(target: "audit", "a proof of a second account was revoked");
            let words = "One of the accounts has changed, so that its login has ended. Nothing was added; begin again.";
            return Err(Box::new(error_page(StatusCode::FORBIDDEN, words)));
        }
        Ok(())
    }

    /// Reads the second account.
    pub(super) fn read_second(&self, second: &ProvedIdentity) -> Result<SecondAccount, Refusal> {
        let gone = || {
            let words = "This login no longer exists. Nothing was added.";
            Box::new(error_page(StatusCode::BAD_REQUEST, words))
        };
        let Some(key) = second.key() else { return Err(gone()) };
        match self.tenant().directory.owner(key) {
            Ok(Some(stored)) if self.is_whole(&stored.user, second) => {
                Ok(SecondAccount { stored, is_new: false })
            }
            Ok(Some(_)) => {
                tracing::warn!(target: "audit", "a second account was proved by a login that is not its main one");
                let words = "This login belongs to another account, which has another main login. To join the two, \
                             begin again, and use the main login of that account. Nothing was added.";
                Err(Box::new(error_page(StatusCode::FORBIDDEN, words)))
            }
            // The account of a database exists or was deleted: a login never creates one.
            Ok(None) if self.is_of_database(second) => Err(gone()),
            Ok(None) => {
                let user = Arc::new(second.user.clone());
                Ok(SecondAccount { stored: Stored { user, version: 0 }, is_new: true })
            }
            Err(ApiError::Invalid(why)) => {
                tracing::warn!(target: "audit", why = %mask_addresses(&why), "a second account was refused");
                Err(gone())
            }
            Err(error) => Err(Box::new(show_unavailable(&error))),
        }
    }

    /// Returns whether a proof is of a whole account. A person who shares a linked login with
    /// its owner must not take over the account by it.
    fn is_whole(&self, user: &User, second: &ProvedIdentity) -> bool {
        user.user_id == second.user.user_id || user.user_id == self.user().user_id
    }

    fn is_of_database(&self, second: &ProvedIdentity) -> bool {
        self.tenant().config.connection(&second.connection).is_some_and(Connection::is_database)
    }
}

/// Returns whether a user that was created for a link is as the preview showed it: nobody else has
/// used or linked it meanwhile.
pub(super) fn is_untouched(created: &User, second: &ProvedIdentity) -> bool {
    created.user_id == second.user.user_id && created.identities.len() == 1 && created.last_login.is_none()
}
