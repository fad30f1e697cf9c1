//! Undoing a link by the owner of the account.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::directory::{Entry, EntryId, Undo, UndoError, Undoing};
use crate::model::{ApiError, mask_addresses};
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::account::account_visit::{
    AccountVisit, Refusal, error_page, show, show_unavailable, submit,
};
use crate::tenant::account::change::Change;
use crate::tenant::account::history::{Undoability, describe_undo_refusal, find_undoability};
use crate::tenant::account::methods::{Method, Times, list_methods};
use crate::tenant::account::paths::UNDO;
use crate::tenant::http::html::see_result;
use crate::tenant::http::visit::Visit;
use crate::tenant::notices::words::format_time;
use crate::tenant::notices::{ChangeKind, Contestable};

#[derive(Template)]
#[template(path = "account_undo.html")]
struct UndoPage<'a> {
    form: String,
    link: &'a str,
    plan: String,
    /// Whether the account has changed since the form was shown.
    is_changed: bool,
    at: String,
    left: Vec<Method<'a>>,
    separated: Vec<Method<'a>>,
}

/// `GET /account/undo`: the effect of an undo.
pub(super) async fn show_effect(visit: Visit) -> Response {
    show(visit, |visit| {
        let prepared = visit.find_undoable().and_then(|link| {
            visit.require_fresh(&Change::Undo(link.id.clone()), StatusCode::OK)?;
            visit.render_undo(&link, StatusCode::OK)
        });
        prepared.unwrap_or_else(|refusal| *refusal)
    })
    .await
}

/// `POST /account/undo`: undoes a link.
pub(super) async fn undo(visit: Visit) -> Response {
    submit(visit, UNDO, |visit| {
        let undone = visit.find_undoable().and_then(|link| {
            visit.require_fresh(&Change::Undo(link.id.clone()), StatusCode::FORBIDDEN)?;
            if visit.visit.params.get("plan") != Some(visit.digest_undo(&link.id).as_str()) {
                return visit.render_undo(&link, StatusCode::CONFLICT);
            }
            let undoing = visit.run_undo(&link, false)?;
            visit.announce_undo(&undoing);
            Ok(see_result(&visit.address("/account?done=undone")))
        });
        undone.unwrap_or_else(|refusal| *refusal)
    })
    .await
}

impl AccountVisit<'_> {
    /// Finds the link that the request names, if the owner may undo it.
    fn find_undoable(&self) -> Result<Entry, Refusal> {
        let refuse = |status, words: &str| {
            let user = mask_addresses(&self.user().user_id);
            tracing::warn!(target: "audit", %user, why = words, "an undo was refused");
            Err(Box::new(error_page(status, words)))
        };
        let unknown = "The history of your account has no such entry. Open your account again.";
        let Some(id) = self.visit.params.get("link").and_then(|id| id.parse::<EntryId>().ok()) else {
            return refuse(StatusCode::BAD_REQUEST, unknown);
        };
        let entry = match self.tenant().directory.journal_entry(&id) {
            Ok(entry) => entry,
            Err(ApiError::NotFound(_)) => return refuse(StatusCode::BAD_REQUEST, unknown),
            Err(error) => return Err(Box::new(show_unavailable(&error))),
        };
        match find_undoability(self.user(), &entry) {
            Undoability::ByOwner => Ok(entry),
            Undoability::BySupport => {
                refuse(StatusCode::FORBIDDEN, "Support joined these accounts; ask support to undo it.")
            }
            Undoability::Nothing if entry.primary == self.user().user_id && entry.undone.is_some() => {
                refuse(StatusCode::CONFLICT, "This was undone already.")
            }
            Undoability::Nothing => refuse(StatusCode::BAD_REQUEST, unknown),
        }
    }

    fn run_undo(&self, link: &Entry, dry_run: bool) -> Result<Undoing, Refusal> {
        let undo = Undo {
            id: link.id.clone(),
            provenance: self.provenance().into(),
            now: self.tenant().ambient.now(),
            dry_run,
        };
        let answer = self.tenant().directory_without_notices.undo(&undo);
        if !dry_run {
            tracing::info!(
                target: "audit", user = %mask_addresses(&link.primary), identity = %mask_addresses(&link.secondary),
                link = %link.id, done = answer.is_ok(), by = self.session.proved.method, "a user has undone a link"
            );
        }
        answer.map_err(|error| {
            Box::new(match error {
                UndoError::Refused(refusal) => {
                    error_page(StatusCode::CONFLICT, describe_undo_refusal(refusal.kind))
                }
                UndoError::Directory(ApiError::StateChanged(_)) => {
                    let words = "Your account has changed meanwhile. Open it again.";
                    error_page(StatusCode::CONFLICT, words)
                }
                UndoError::Directory(error) => show_unavailable(&error),
            })
        })
    }

    /// Tells both sides.
    fn announce_undo(&self, undoing: &Undoing) {
        self.tell(ChangeKind::Undone(Contestable::Yes), [self.user(), &undoing.secondary]);
    }

    /// Returns the digest of the link and the version of the account, which the form sends: nothing
    /// else is undone than its person has seen.
    fn digest_undo(&self, link: &EntryId) -> String {
        let mut hash = Sha256::new();
        hash.update(link.as_str());
        hash.update(self.account.version.to_be_bytes());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn render_undo(&self, link: &Entry, status: StatusCode) -> Result<Response, Refusal> {
        let undoing = self.run_undo(link, true)?;
        let config = &self.tenant().config;
        let page = UndoPage {
            form: self.form_token(UNDO),
            link: link.id.as_str(),
            plan: self.digest_undo(&link.id),
            is_changed: status == StatusCode::CONFLICT,
            at: format_time(link.at),
            left: list_methods(config, &undoing.primary, &Times::default()),
            separated: list_methods(config, &undoing.secondary, &Times::default()),
        };
        Ok(page::respond(status, page.render()))
    }
}
