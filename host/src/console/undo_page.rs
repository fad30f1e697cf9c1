//! Undoing a link.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use sha2::{Digest, Sha256};

use super::frame::Frame;
use super::journal_pages::find_entry;
use super::paths::path_of_entry;
use super::redirect::see_page;
use super::visit::{ConsoleVisit, PageResult, RefusalPage};
use super::words::describe_change;
use crate::directory::{Entry, Undo, UndoError, Undoing};
use crate::model::{ApiError, User, mask_addresses};
use crate::service::page::filters;

/// The most names of a kind on the page.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "console_undo.html")]
struct UndoPage {
    frame: Frame,
    words: String,
    entry: String,
    action: String,
    form: String,
    plan: String,
    /// Whether the account has changed since the form was shown.
    is_changed: bool,
    primary: Side,
    secondary: Side,
    not_restored: Vec<String>,
}

/// A user after the undo.
struct Side {
    user_id: String,
    identities: Vec<String>,
    keys: Vec<String>,
}

/// `GET /console/journal/{id}/undo`: the effect of an undo.
pub(super) fn show_effect(visit: &ConsoleVisit) -> PageResult {
    let entry = find_entry(visit)?;
    render(visit, &entry, StatusCode::OK)
}

/// `POST /console/journal/{id}/undo`: undoes a link.
pub(super) fn undo(visit: &ConsoleVisit) -> PageResult {
    let entry = find_entry(visit)?;
    if entry.undone.is_none() && visit.params.get("plan") != Some(&*digest(visit, &entry)?) {
        return render(visit, &entry, StatusCode::CONFLICT);
    }
    let undone = run(visit, &entry, false);
    tracing::info!(
        target: "audit", operator = %mask_addresses(&visit.operator.name), action = "undo a link", link = %entry.id,
        primary = %mask_addresses(&entry.primary), secondary = %mask_addresses(&entry.secondary),
        done = undone.is_ok(), "console"
    );
    undone?;
    Ok(see_page(&format!("{}?done=undone", path_of_entry(&entry.id))))
}

fn run(visit: &ConsoleVisit, entry: &Entry, dry_run: bool) -> Result<Undoing, RefusalPage> {
    let undo = Undo { id: entry.id.clone(), provenance: visit.provenance(), now: visit.now(), dry_run };
    visit.directory().undo(&undo).map_err(|error| {
        let back = path_of_entry(&entry.id);
        let link = (&*back, "Back to the entry");
        match error {
            UndoError::Refused(refusal) => {
                let words = format!("The link was not undone: {}.", refusal.why);
                visit.refuse_with_link(StatusCode::CONFLICT, &words, link)
            }
            UndoError::Directory(ApiError::StateChanged(why)) => {
                let words = format!("An account has changed meanwhile, and nothing was undone: {why}.");
                visit.refuse_with_link(StatusCode::CONFLICT, &words, link)
            }
            UndoError::Directory(error) => visit.refuse_unavailable(&error),
        }
    })
}

/// Returns the digest of the link and the version of the account, which the form sends: nothing else
/// is undone than the operator has seen.
fn digest(visit: &ConsoleVisit, entry: &Entry) -> Result<String, RefusalPage> {
    let version = match visit.directory().get(&entry.primary) {
        Ok(stored) => stored.version,
        // The undo says why there is nothing to undo.
        Err(ApiError::NotFound(_)) => 0,
        Err(error) => return Err(visit.refuse_unavailable(&error)),
    };
    let mut hash = Sha256::new();
    hash.update(entry.id.as_str());
    hash.update(version.to_be_bytes());
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn render(visit: &ConsoleVisit, entry: &Entry, status: StatusCode) -> PageResult {
    // Read before the effect: a change between the two is noticed by the form.
    let plan = digest(visit, entry)?;
    let Undoing { primary, secondary, not_restored, .. } = run(visit, entry, true)?;
    let action = format!("{}/undo", path_of_entry(&entry.id));
    let frame = visit.frame();
    let page = UndoPage {
        frame,
        words: describe_change(entry),
        entry: path_of_entry(&entry.id),
        form: visit.form_token(&action),
        action,
        plan,
        is_changed: status == StatusCode::CONFLICT,
        primary: Side::new(&primary),
        secondary: Side::new(&secondary),
        not_restored: not_restored.into_iter().take(MOST).collect(),
    };
    let response: Response = visit.show(status, page.render());
    Ok(response)
}

impl Side {
    fn new(user: &User) -> Self {
        let keys = [("user_metadata", &user.user_metadata), ("app_metadata", &user.app_metadata)];
        let keys = keys.into_iter().flat_map(|(name, metadata)| {
            metadata.iter().flatten().map(move |(key, _)| format!("{name}.{key}"))
        });
        Self {
            user_id: user.user_id.clone(),
            identities: user.identities.iter().take(MOST).map(|it| it.as_user_id()).collect(),
            keys: keys.take(MOST).collect(),
        }
    }
}
