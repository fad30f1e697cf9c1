//! "This was not me": the link in a notice, which undoes a change and ends all logins.
//!
//! It needs no session: whoever reads the mail is the one to ask. A program that scans mails opens
//! links, so that only the form of the page does anything.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::directory::{
    Actor, Administration, CheckedLink, EntryId, Evidence, Provenance, Undo, UndoError, UndoRefusalKind,
    Unlink,
};
use crate::model::{ApiError, Identity, LinkRequest, User, mask_addresses};
use crate::service::page;
use crate::tenant::account::account_visit::{accept_origin, notices_of, show_unavailable};
use crate::tenant::http::html;
use crate::tenant::http::visit::Visit;
use crate::tenant::notices::{AccountChange, ChangeKind, Reach};
use crate::tenant::people::objections::{ContestedChange, Objection};

#[derive(Template)]
#[template(path = "account_objection.html")]
struct ObjectionPage<'a> {
    nonce: &'a str,
    token: &'a str,
    is_link: bool,
    /// The result, once the form was sent.
    done: Option<&'static str>,
}

const USED: &str = "This link has expired, or was used already.";

/// `GET /account/objection`: says what an objection does.
pub(super) async fn show(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let token = visit.params.get("token").unwrap_or_default();
            match visit.tenant.people.objections.get(token) {
                Some(objection) => render(token, &objection, None),
                None => html::error_page(StatusCode::BAD_REQUEST, USED),
            }
        })
        .await
}

/// `POST /account/objection`: undoes the change, and ends all logins of the accounts.
pub(super) async fn object(visit: Visit) -> Response {
    visit
        .run(|visit| {
            if let Err(refusal) = accept_origin(visit) {
                return *refusal;
            }
            let token = visit.params.get("token").unwrap_or_default();
            match visit.tenant.people.objections.spend(token, |objection| carry_out(visit, objection)) {
                None => {
                    tracing::warn!(target: "audit", "an objection was used already, or has expired");
                    html::error_page(StatusCode::BAD_REQUEST, USED)
                }
                Some(Ok(response)) => response,
                // The directory is another one than that of the link.
                Some(Err(ApiError::NotFound(_))) => html::error_page(StatusCode::BAD_REQUEST, USED),
                Some(Err(error)) => show_unavailable(&error),
            }
        })
        .await
}

fn render(token: &str, objection: &Objection, done: Option<&'static str>) -> Response {
    let nonce = page::nonce();
    let is_link = matches!(objection.change, ContestedChange::Link { .. });
    let page = ObjectionPage { nonce: &nonce, token, is_link, done };
    page::respond_with_own_forms(StatusCode::OK, page.render(), &nonce)
}

fn carry_out(visit: &Visit, objection: &Objection) -> Result<Response, ApiError> {
    let (accounts, done) = match &objection.change {
        ContestedChange::Link { link, kept, moved } => part(visit, objection, (link, kept, moved))?,
        ContestedChange::Separation { accounts, versions } => join(visit, objection, accounts, *versions)?,
    };
    tracing::warn!(
        target: "audit", by = %mask_addresses(&objection.account), done,
        accounts = %mask_addresses(&accounts.iter().map(|it| it.user_id.as_str()).collect::<Vec<_>>().join(" ")),
        "an owner has objected to a change"
    );
    for account in &accounts {
        visit.tenant.people.end_logins(account);
    }
    if let [kept, .., moved] = accounts.as_slice() {
        let (kind, reach) = (ChangeKind::Contested, Reach::All);
        notices_of(visit).send(&AccountChange { kind, kept, moved, manner: done.to_owned(), reach });
    }
    Ok(render("", objection, Some(done)))
}

/// The accounts whose logins are to end, and what was done.
type Done = (Vec<Arc<User>>, &'static str);

/// Undoes a link. If it cannot be undone, because an attacker has changed settings meanwhile, its
/// identities are separated without restoring the data.
fn part(
    visit: &Visit,
    objection: &Objection,
    (link, kept, moved): (&EntryId, &str, &[String]),
) -> Result<Done, ApiError> {
    let tenant = &visit.tenant;
    let undo = Undo {
        id: link.clone(),
        provenance: Arc::new(provenance(objection)),
        now: tenant.ambient.now(),
        dry_run: false,
    };
    let done = match tenant.directory_without_notices.undo(&undo) {
        Ok(_) => "The addition was undone, and all logins of both accounts were ended.",
        Err(UndoError::Directory(error)) => return Err(error),
        Err(UndoError::Refused(refusal)) => match refusal.kind {
            UndoRefusalKind::AlreadyUndone => {
                "The addition had been undone already. All logins of both accounts were ended."
            }
            _ if separate(visit, objection, kept, moved)? => {
                "The logins were separated again, without all their settings. All logins of both accounts were ended."
            }
            _ => "The accounts had been separated already. All their logins were ended.",
        },
    };
    let mut accounts = Vec::new();
    for id in [kept].into_iter().chain(moved.iter().map(String::as_str)) {
        accounts.extend(read_owner(&*tenant.directory, id)?);
    }
    accounts.dedup_by(|one, other| one.user_id == other.user_id);
    Ok((accounts, done))
}

/// Makes the moved identities that the account still has separate users. Returns whether there were
/// any.
fn separate(visit: &Visit, objection: &Objection, kept: &str, moved: &[String]) -> Result<bool, ApiError> {
    let tenant = &visit.tenant;
    let Some(user) = read_owner(&*tenant.directory, kept)? else { return Ok(false) };
    let is_moved = |it: &&Identity| moved.contains(&it.as_user_id());
    let leaving: Vec<&Identity> = user.identities.iter().skip(1).filter(is_moved).collect();
    for identity in &leaving {
        tenant.directory_without_notices.unlink(&Unlink {
            primary: user.user_id.clone(),
            provider: identity.provider.clone(),
            user_id: identity.user_id.clone(),
            provenance: Arc::new(provenance(objection)),
            now: tenant.ambient.now(),
        })?;
    }
    Ok(!leaving.is_empty())
}

/// Links an account again that was separated, if neither of the two has changed since.
fn join(
    visit: &Visit,
    objection: &Objection,
    accounts: &[String; 2],
    versions: [u64; 2],
) -> Result<Done, ApiError> {
    let tenant = &visit.tenant;
    let [kept, moved] = accounts.each_ref().map(|id| read_owner(&*tenant.directory, id));
    let (kept, moved) = (kept?, moved?);
    let link = CheckedLink {
        request: LinkRequest {
            primary: accounts[0].clone(),
            secondary: accounts[1].clone(),
            user_metadata: None,
            app_metadata: None,
            reasons: Arc::new([]),
        },
        primary_version: Some(versions[0]),
        secondary_version: Some(versions[1]),
        read: None,
        provenance: Arc::new(Provenance {
            evidence: kept.as_deref().map(Evidence::from_request),
            ..provenance(objection)
        }),
        now: tenant.ambient.now(),
    };
    let is_open =
        kept.as_ref().zip(moved.as_ref()).is_some_and(|(kept, moved)| !kept.blocked && !moved.blocked);
    let answer = if is_open { tenant.directory_without_notices.link(&link).map(|_| true) } else { Ok(false) };
    let done = match answer {
        Ok(true) => "The login was put back, and all logins of the account were ended.",
        Ok(false) | Err(ApiError::StateChanged(_) | ApiError::NotFound(_) | ApiError::AlreadyLinked(_)) => {
            "An account has changed since, so that the login was not put back. All logins of the account were ended; log in and add the login again."
        }
        Err(error) => return Err(error),
    };
    Ok((kept.into_iter().chain(moved).collect(), done))
}

fn read_owner(directory: &dyn Administration, user_id: &str) -> Result<Option<Arc<User>>, ApiError> {
    Ok(directory.holder(user_id)?.map(|stored| stored.user))
}

fn provenance(objection: &Objection) -> Provenance {
    let actor = Actor::User { user_id: objection.account.clone() };
    Provenance { actor, evidence: None, policy_sha256: None, plugin: None }
}
