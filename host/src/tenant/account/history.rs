//! The history of an account: what was added, removed and undone, and what can be undone.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::directory::{
    Actor, Entry, EntryId, EntryKind, EntryState, JournalQuery, SnapshotState, Undo, UndoError,
    UndoRefusalKind,
};
use crate::model::{ApiError, User};
use crate::service::page;
use crate::service::page::filters;
use crate::service::provider_names::provider_display_name;
use crate::tenant::account::account_visit::{AccountVisit, error_page, show as show_page, show_unavailable};
use crate::tenant::http::visit::Visit;
use crate::tenant::notices::words::{format_time, join_names, label_identity};

/// The number of entries on a page.
const ON_PAGE: usize = 25;
/// The number of entries of a list for which the page finds out whether they can be undone: each
/// takes some reads.
const TRIED: usize = 10;

/// A line of the history.
pub(super) struct HistoryLine {
    pub(super) at: String,
    pub(super) words: String,
    /// The logins that the change is about.
    pub(super) logins: String,
    /// The id of the link, if it can be undone.
    pub(super) undo: Option<String>,
    /// The reason why it cannot be undone.
    pub(super) why_not: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "account_history.html")]
struct HistoryPage {
    lines: Vec<HistoryLine>,
    /// The last entry of the page, if there are older ones.
    older: Option<String>,
}

/// `GET /account/history`: the changes of the account, the newest first.
pub(super) async fn show(visit: Visit) -> Response {
    show_page(visit, |visit| {
        let before = visit.visit.params.get("before").map(str::parse::<EntryId>);
        let Ok(before) = before.transpose() else { return show_unknown() };
        match before.as_ref().map(|id| visit.has_entry(id)).transpose() {
            Ok(None | Some(true)) => {}
            Ok(Some(false)) => return show_unknown(),
            Err(error) => return show_unavailable(&error),
        }
        let query = JournalQuery {
            user_id: Some(visit.user().user_id.clone()),
            before,
            limit: ON_PAGE + 1,
            ..JournalQuery::default()
        };
        let mut entries = match visit.tenant().directory.journal(&query) {
            Ok(entries) => entries,
            Err(error) => return show_unavailable(&error),
        };
        let has_older = entries.len() > ON_PAGE;
        entries.truncate(ON_PAGE);
        let older = entries.last().filter(|_| has_older).map(|entry| entry.id.to_string());
        let page = HistoryPage { lines: list_history(visit, &entries), older };
        page::respond(StatusCode::OK, page.render())
    })
    .await
}

fn show_unknown() -> Response {
    error_page(StatusCode::BAD_REQUEST, "The history has no such entry. Open your account again.")
}

/// Describes entries of the account's journal. Entries of changes that did not happen are left
/// out.
pub(super) fn list_history(visit: &AccountVisit<'_>, entries: &[Entry]) -> Vec<HistoryLine> {
    let happened = entries.iter().filter(|entry| entry.state != EntryState::Abandoned);
    let describe = |(place, entry): (usize, &Entry)| {
        let (undo, why_not) = match (find_undoability(visit.user(), entry), place < TRIED) {
            (Undoability::Nothing, _) => (None, None),
            (Undoability::BySupport, _) => {
                (None, Some("Support joined these accounts; ask support to undo it."))
            }
            (Undoability::ByOwner, false) => (Some(entry.id.to_string()), None),
            (Undoability::ByOwner, true) => match visit.try_undo(entry) {
                Ok(()) => (Some(entry.id.to_string()), None),
                Err(UndoError::Refused(refusal)) => (None, Some(describe_undo_refusal(refusal.kind))),
                Err(UndoError::Directory(_)) => (None, None),
            },
        };
        let logins = visit.label_moved(entry, place < TRIED);
        let words = describe_entry(visit, entry, &logins);
        HistoryLine { at: format_time(entry.at), words, logins: join_names(&logins), undo, why_not }
    };
    happened.enumerate().map(describe).collect()
}

/// The permission of the account's user to undo an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undoability {
    /// There is nothing to undo.
    Nothing,
    /// An operator made the link, and undoes it.
    BySupport,
    /// The owner of the account may.
    ByOwner,
}

/// Returns who may undo an entry of a user's journal.
pub(super) fn find_undoability(user: &User, entry: &Entry) -> Undoability {
    let is_link = entry.kind == EntryKind::Link && entry.primary == user.user_id && entry.undone.is_none();
    match entry.provenance.actor {
        _ if !is_link => Undoability::Nothing,
        Actor::Operator { .. } => Undoability::BySupport,
        Actor::Plugin | Actor::Client { .. } | Actor::User { .. } => Undoability::ByOwner,
    }
}

impl AccountVisit<'_> {
    /// Returns whether the journal of the account has this entry. Nobody learns of the entries of
    /// others.
    fn has_entry(&self, id: &EntryId) -> Result<bool, ApiError> {
        let user_id = &self.user().user_id;
        match self.tenant().directory.journal_entry(id) {
            Ok(entry) => Ok(entry.primary == *user_id || entry.secondary == *user_id),
            Err(ApiError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the labels of the logins that a change is about. Those of a link are in the data that
    /// it removed, which is read if `is_read`.
    fn label_moved(&self, entry: &Entry, is_read: bool) -> Vec<String> {
        let link = match entry.kind {
            EntryKind::Link => Some(&entry.id),
            EntryKind::Undo => entry.undoes.as_ref(),
            EntryKind::Unlink | EntryKind::Block | EntryKind::Unblock => None,
        };
        let is_ours = entry.primary == self.user().user_id;
        let link = link.filter(|_| is_read && is_ours);
        let read = link.and_then(|id| self.tenant().directory.journal_entry(id).ok());
        match read.map(|link| link.kept) {
            Some(SnapshotState::Whole(snapshot)) => {
                let label = |it| label_identity(&self.tenant().config, it).to_owned();
                snapshot.secondary.identities.iter().map(label).collect()
            }
            _ => vec![label_side(self, &entry.secondary)],
        }
    }

    /// Finds out whether a link can be undone, and changes nothing.
    fn try_undo(&self, entry: &Entry) -> Result<(), UndoError> {
        let undo = Undo {
            id: entry.id.clone(),
            provenance: self.provenance().into(),
            now: self.tenant().ambient.now(),
            dry_run: true,
        };
        self.tenant().directory.undo(&undo).map(|_| ())
    }
}

fn describe_entry(visit: &AccountVisit<'_>, entry: &Entry, logins: &[String]) -> String {
    let user = visit.user();
    let by = match &entry.provenance.actor {
        Actor::Plugin => "at a login",
        Actor::Operator { .. } => "by support",
        Actor::Client { .. } => "by an application",
        Actor::User { user_id } if user.identities.iter().any(|it| it.as_user_id() == *user_id) => "by you",
        Actor::User { .. } => "by its owner",
    };
    let is_ours = entry.primary == user.user_id;
    let (names, were) = (join_names(logins), if logins.len() == 1 { "was" } else { "were" });
    match (entry.kind, is_ours) {
        (EntryKind::Link, true) => format!("{names} {were} added {by}"),
        (EntryKind::Unlink, true) => format!("{names} {were} removed {by}"),
        (EntryKind::Undo, true) => format!("The addition of {names} was undone {by}"),
        (EntryKind::Link, false) => format!("This account was joined to another one {by}"),
        (EntryKind::Unlink | EntryKind::Undo, false) => {
            format!("This account was separated from another one {by}")
        }
        (EntryKind::Block, _) => format!("This account was blocked {by}"),
        (EntryKind::Unblock, _) => format!("This account was unblocked {by}"),
    }
}

/// Returns the label of the other side of an entry, by its connection if it is still known.
fn label_side(visit: &AccountVisit<'_>, user_id: &str) -> String {
    let known = visit.user().identities.iter().find(|it| it.as_user_id() == user_id);
    if let Some(identity) = known {
        return label_identity(&visit.tenant().config, identity).to_owned();
    }
    let provider = user_id.split_once('|').map_or(user_id, |(provider, _)| provider);
    match provider {
        "auth0" => "Password",
        "email" => "Code by email",
        "sms" => "Code by phone",
        _ => provider_display_name(provider),
    }
    .to_owned()
}

/// Describes for the owner why a link cannot be undone.
pub(super) fn describe_undo_refusal(kind: UndoRefusalKind) -> &'static str {
    match kind {
        UndoRefusalKind::AlreadyUndone => "This was undone already.",
        UndoRefusalKind::NotALink => "Only an addition can be undone.",
        UndoRefusalKind::Unfinished => "It is not known yet whether this was completed. Try again later.",
        UndoRefusalKind::Erased => {
            "The data that an undo needs was erased. You can remove the login instead."
        }
        UndoRefusalKind::Sealed => "The data that an undo needs is encrypted. Ask support.",
        UndoRefusalKind::Gone => "The login or the account has been deleted or separated since.",
        UndoRefusalKind::MovedAgain => "The login was removed or added again since.",
        UndoRefusalKind::MetadataChanged => {
            "Settings that this changed were changed again since. You can remove the login instead."
        }
    }
}
