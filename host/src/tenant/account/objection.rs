//! "This was not me": the link in a notice, which undoes an addition and ends all logins.
//!
//! The page needs no session: the reader of the mail decides. Only its form changes anything, because
//! programs that scan mails open links.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::directory::{
    Actor, Administration, EntryId, Provenance, Undo, UndoError, UndoRefusalKind, Unlink,
};
use crate::model::{ApiError, Identity, User, mask_addresses};
use crate::service::page;
use crate::tenant::account::account_visit::{accept_origin, error_page, notices_of, show_unavailable};
use crate::tenant::http::visit::Visit;
use crate::tenant::notices::{AccountChange, ChangeKind, Reach};
use crate::tenant::people::objections::{ContestedChange, Objection};

#[derive(Template)]
#[template(path = "account_objection.html")]
struct ObjectionPage<'a> {
    token: &'a str,
    is_link: bool,
    /// The result, once the form was sent.
    done: Option<&'a str>,
}

const USED: &str = "This link has expired, or was used already.";

/// `GET /account/objection`: says what an objection does.
pub(super) async fn show(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let token = visit.params.get("token").unwrap_or_default();
            match visit.tenant.people.objections.get(token) {
                Some(objection) => render(token, &objection, None),
                None => error_page(StatusCode::BAD_REQUEST, USED),
            }
        })
        .await
}

/// `POST /account/objection`: undoes the change, and ends all logins of the accounts.
pub(super) async fn object(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let response = match accept_origin(visit) {
                Ok(()) => spend(visit),
                Err(refusal) => *refusal,
            };
            visit.tenant.metrics.count_account_change("contest", response.status());
            response
        })
        .await
}

fn spend(visit: &Visit) -> Response {
    let token = visit.params.get("token").unwrap_or_default();
    match visit.tenant.people.objections.spend(token, |objection| carry_out(visit, objection)) {
        None => {
            tracing::warn!(target: "audit", "an objection was used already, or has expired");
            error_page(StatusCode::BAD_REQUEST, USED)
        }
        Some(Ok(response)) => response,
        // The directory is another one than that of the link.
        Some(Err(ApiError::NotFound(_))) => error_page(StatusCode::BAD_REQUEST, USED),
        Some(Err(error)) => show_unavailable(&error),
    }
}

fn render(token: &str, objection: &Objection, done: Option<&str>) -> Response {
    let is_link = matches!(objection.change, ContestedChange::Link { .. });
    let page = ObjectionPage { token, is_link, done };
    page::respond(StatusCode::OK, page.render())
}

fn carry_out(visit: &Visit, objection: &Objection) -> Result<Response, ApiError> {
    let (accounts, done) = match &objection.change {
        ContestedChange::Link { link, kept, moved } => {
            part(visit, objection, ContestedLink { link, kept, moved })?
        }
        // Only a login proves that a removed login belongs to the account: an objection never links.
        ContestedChange::Separation => Own::read(visit, objection)?.say("", ENDED),
    };
    tracing::warn!(
        target: "audit", by = %mask_addresses(&objection.account), %done,
        accounts = %mask_addresses(&accounts.iter().map(|it| it.user_id.as_str()).collect::<Vec<_>>().join(" ")),
        "an owner has objected to a change"
    );
    for account in &accounts {
        visit.tenant.people.end_logins(account);
    }
    if let [kept, .., moved] = accounts.as_slice() {
        let (kind, reach) = (ChangeKind::Contested, Reach::All);
        notices_of(visit).send(&AccountChange { kind, kept, moved, manner: done.clone(), reach });
    }
    Ok(render("", objection, Some(&done)))
}

const ENDED: &str = "Everybody is logged out of your account. If you want a login back that was removed, log in and add it: you prove it again.";

/// The link that an objection is about.
#[derive(Clone, Copy)]
struct ContestedLink<'a> {
    link: &'a EntryId,
    /// The account that the link has kept.
    kept: &'a str,
    /// The identities that the link has moved, as the ids of their users.
    moved: &'a [String],
}

/// The accounts whose logins are to end, and the sentences that say what was done.
type Done = (Vec<Arc<User>>, String);

/// The account of an objection.
struct Own {
    /// The account, or its login alone if that belongs to another account now: nothing is done to the
    /// other logins of that one. `None` if it was deleted.
    user: Option<Arc<User>>,
    is_elsewhere: bool,
}

impl Own {
    fn read(visit: &Visit, objection: &Objection) -> Result<Self, ApiError> {
        let id = &objection.account;
        let Some(user) = read_owner(&*visit.tenant.directory, id)? else {
            return Ok(Self { user: None, is_elsewhere: false });
        };
        if user.user_id == *id {
            return Ok(Self { user: Some(user), is_elsewhere: false });
        }
        let identities = user.identities.iter().filter(|it| it.as_user_id() == *id).cloned().collect();
        let user = User { user_id: id.clone(), identities, ..User::default() };
        Ok(Self { user: Some(Arc::new(user)), is_elsewhere: true })
    }

    /// Returns the account, with sentences about its logins after those about the change.
    fn say(self, done: &str, ended: &str) -> Done {
        let ended = match (&self.user, self.is_elsewhere) {
            (None, _) => "Your account was deleted since.",
            (Some(_), true) => ELSEWHERE,
            (Some(_), false) => ended,
        };
        (self.user.into_iter().collect(), format!("{done} {ended}").trim().to_owned())
    }
}

const LOGGED_OUT: &str = "Everybody is logged out of your account.";

const ELSEWHERE: &str = "Your login belongs to another account by now, and whoever used it there is logged out. If you have not added it there, use the newer mail about that.";

/// Undoes a link. If it cannot be undone, because an attacker has changed settings meanwhile, its
/// identities are separated, and the account that the link removed gets its own data back.
fn part(visit: &Visit, objection: &Objection, contested: ContestedLink<'_>) -> Result<Done, ApiError> {
    let (tenant, ContestedLink { link, kept, moved }) = (&visit.tenant, contested);
    // A user who is blocked must not get an account back that is not.
    if read_owner(&*tenant.directory, kept)?.is_some_and(|holder| holder.blocked) {
        let done = "The account is blocked, so that the logins stay together. Ask support.";
        return Ok(Own::read(visit, objection)?.say(done, LOGGED_OUT));
    }
    let undo = Undo {
        id: link.clone(),
        provenance: Arc::new(provenance(objection)),
        now: tenant.ambient.now(),
        dry_run: false,
    };
    match tenant.directory_without_notices.undo(&undo) {
        Ok(undoing) => Ok((
            vec![undoing.primary, undoing.secondary],
            "The addition was undone, and everybody is logged out of both accounts.".to_owned(),
        )),
        Err(UndoError::Directory(error)) => Err(error),
        Err(UndoError::Refused(refusal)) if refusal.kind == UndoRefusalKind::AlreadyUndone => {
            Ok(Own::read(visit, objection)?.say("The addition had been undone already.", LOGGED_OUT))
        }
        Err(UndoError::Refused(_)) if separate(visit, objection, contested)? => {
            let mut accounts = Vec::new();
            for id in [kept].into_iter().chain(moved.iter().map(String::as_str)) {
                accounts.extend(read_user(visit, id)?);
            }
            let done = "The logins were separated again, without all their settings. Everybody is logged out of both accounts.";
            Ok((accounts, done.to_owned()))
        }
        Err(UndoError::Refused(_)) => {
            Ok(Own::read(visit, objection)?.say("The accounts had been separated already.", LOGGED_OUT))
        }
    }
}

/// Makes the moved identities that the account still has separate users. Returns whether there were
/// any.
fn separate(visit: &Visit, objection: &Objection, contested: ContestedLink<'_>) -> Result<bool, ApiError> {
    let (tenant, ContestedLink { link, kept, moved }) = (&visit.tenant, contested);
    let Some(user) = read_owner(&*tenant.directory, kept)? else { return Ok(false) };
    let is_moved = |it: &&Identity| moved.contains(&it.as_user_id());
    let leaving: Vec<&Identity> = user.identities.iter().skip(1).filter(is_moved).collect();
    for identity in &leaving {
        tenant.directory_without_notices.unlink(&Unlink {
            restores: Some(link.clone()),
            keeps_factors: true,
            primary: user.user_id.clone(),
            provider: identity.provider.clone(),
            user_id: identity.user_id.clone(),
            provenance: Arc::new(provenance(objection)),
            now: tenant.ambient.now(),
        })?;
    }
    Ok(!leaving.is_empty())
}

/// Returns a user with this id of their own.
fn read_user(visit: &Visit, user_id: &str) -> Result<Option<Arc<User>>, ApiError> {
    Ok(read_owner(&*visit.tenant.directory, user_id)?.filter(|user| user.user_id == user_id))
}

fn read_owner(directory: &dyn Administration, user_id: &str) -> Result<Option<Arc<User>>, ApiError> {
    Ok(directory.holder(user_id)?.map(|stored| stored.user))
}

fn provenance(objection: &Objection) -> Provenance {
    let actor = Actor::User { user_id: objection.account.clone() };
    Provenance { actor, evidence: None, policy_sha256: None, plugin: None }
}
