//! The journal: its list, and one entry.

use askama::Template;
use axum::http::StatusCode;

use super::frame::Frame;
use super::paths::{JOURNAL, path_of_entry, path_of_user, with_query};
use super::visit::{ConsoleVisit, PageResult, RefusalPage};
use super::words::{EntryRow, describe_actor, describe_change, describe_state, format_time};
use crate::directory::{Entry, EntryId, EntryKind, EntryState, JournalQuery, SnapshotState};
use crate::model::{ApiError, Metadata};
use crate::service::page::filters;

/// The number of entries of a list.
const ON_PAGE: usize = 15;
/// The most names of a kind on a page.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "console_journal.html")]
struct JournalPage<'a> {
    frame: Frame,
    user_id: &'a str,
    entries: Vec<EntryRow>,
    /// The address of the next page.
    older: Option<String>,
}

#[derive(Template)]
#[template(path = "console_entry.html")]
struct EntryPage {
    frame: Frame,
    /// The result of the form that led here.
    done: Option<&'static str>,
    words: String,
    id: String,
    at: String,
    actor: String,
    /// The users of the entry, with the addresses of their pages.
    users: Vec<(String, String)>,
    facts: Vec<(&'static str, String)>,
    reasons: Vec<(String, String)>,
    kept: Vec<(&'static str, String)>,
    undo: Option<String>,
}

/// `GET /console/journal`: entries, the newest first.
pub(super) fn list(visit: &ConsoleVisit) -> PageResult {
    let user_id = visit.params.get("user");
    let before = visit.params.get("before").map(|id| parse_id(visit, id)).transpose()?;
    let query = JournalQuery {
        user_id: user_id.map(str::to_owned),
        before,
        limit: ON_PAGE + 1,
        ..JournalQuery::default()
    };
    let mut entries = match visit.directory().journal(&query) {
        Ok(entries) => entries,
        Err(ApiError::NotFound(_)) => return Err(refuse_unknown(visit)),
        Err(error) => return Err(visit.refuse_unavailable(&error)),
    };
    if let Some(user_id) = user_id {
        visit.audit("show the journal of a user", user_id);
    }
    let has_older = entries.len() > ON_PAGE;
    entries.truncate(ON_PAGE);
    let last = entries.last().filter(|_| has_older).map(|last| last.id.as_str());
    let frame = visit.frame();
    let page = JournalPage {
        frame,
        user_id: user_id.unwrap_or_default(),
        entries: entries.iter().map(EntryRow::new).collect(),
        older: last.map(|last| with_query(JOURNAL, &[("user", user_id), ("before", Some(last))])),
    };
    Ok(visit.show(StatusCode::OK, page.render()))
}

/// `GET /console/journal/{id}`: one entry.
pub(super) fn show(visit: &ConsoleVisit) -> PageResult {
    let entry = find_entry(visit)?;
    visit.audit("show an entry of the journal", entry.id.as_str());
    let frame = visit.frame();
    let mut users = vec![entry.primary.clone(), entry.secondary.clone()];
    users.dedup();
    let is_undoable =
        entry.kind == EntryKind::Link && entry.undone.is_none() && entry.state != EntryState::Abandoned;
    let page = EntryPage {
        frame,
        done: visit.params.get("done").and_then(describe_result),
        words: describe_change(&entry),
        id: entry.id.to_string(),
        at: format_time(entry.at),
        actor: describe_actor(&entry.provenance.actor),
        users: users.into_iter().map(|id| (path_of_user(&id), id)).collect(),
        facts: list_facts(&entry),
        reasons: entry.reasons.iter().map(|it| (it.code.clone(), it.detail.clone())).collect(),
        kept: list_kept(&entry.kept),
        undo: is_undoable.then(|| format!("{}/undo", path_of_entry(&entry.id))),
    };
    Ok(visit.show(StatusCode::OK, page.render()))
}

/// Finds the entry that the path names.
pub(super) fn find_entry(visit: &ConsoleVisit) -> Result<Entry, RefusalPage> {
    let id = parse_id(visit, &visit.id)?;
    match visit.directory().journal_entry(&id) {
        Ok(entry) => Ok(entry),
        Err(ApiError::NotFound(_)) => Err(refuse_unknown(visit)),
        Err(error) => Err(visit.refuse_unavailable(&error)),
    }
}

fn parse_id(visit: &ConsoleVisit, text: &str) -> Result<EntryId, RefusalPage> {
    text.parse().map_err(|_| refuse_unknown(visit))
}

fn refuse_unknown(visit: &ConsoleVisit) -> RefusalPage {
    visit.refuse(StatusCode::NOT_FOUND, "The journal has no such entry.")
}

/// Describes the result of a form, by its name in the address. Other words are not shown: anybody
/// could have written the address.
fn describe_result(name: &str) -> Option<&'static str> {
    match name {
        "merged" => Some("The accounts were merged."),
        "undone" => Some("The link was undone."),
        _ => None,
    }
}

fn list_facts(entry: &Entry) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(evidence) = &entry.provenance.evidence {
        let methods = evidence.methods.join(", ");
        let by = if methods.is_empty() { String::new() } else { format!(" by {methods}") };
        facts.push(("Login", format!("{} through {}{by}", evidence.user_id, evidence.connection)));
        if let Some(email) = &evidence.verified_email {
            facts.push(("Address", format!("{email}, verified")));
        }
        if let Some(client_id) = &evidence.client_id {
            facts.push(("Application", client_id.clone()));
        }
        if let Some(proof) = &evidence.proof {
            let at = format_time(proof.proved_at);
            facts.push(("Proof", format!("{} was proved at {at}", proof.candidate)));
        }
    }
    if let Some(sha256) = &entry.provenance.policy_sha256 {
        facts.push(("Policy", format!("SHA-256 {sha256}")));
    }
    if let Some(plugin) = &entry.provenance.plugin {
        facts.push(("Plugin", format!("{}, SHA-256 {}", plugin.name, plugin.sha256)));
    }
    if let Some(link) = &entry.undoes {
        facts.push(("Undoes", link.to_string()));
    }
    if let Some(undone) = &entry.undone {
        facts.push(("Undone", format!("at {} by the entry {}", format_time(undone.at), undone.by)));
    }
    if let Some(state) = describe_state(entry.state) {
        facts.push(("State", state.to_owned()));
    }
    facts
}

/// Lists what an undo would give back, by name, without values.
fn list_kept(kept: &SnapshotState) -> Vec<(&'static str, String)> {
    let snapshot = match kept {
        SnapshotState::Nothing | SnapshotState::Unread => return Vec::new(),
        SnapshotState::Forgotten => return vec![("Kept", "nothing any more: it was erased".to_owned())],
        SnapshotState::Sealed { key } => {
            return vec![("Kept", format!("encrypted with the key {key}, which this process lacks"))];
        }
        SnapshotState::Whole(snapshot) => snapshot,
    };
    let user = &snapshot.secondary;
    let keys = |metadata: &Option<Metadata>| {
        metadata.iter().flatten().take(MOST).map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    let first = |names: &[String]| names.iter().take(MOST).cloned().collect::<Vec<_>>();
    let mut listed = vec![
        ("Identities", user.identities.iter().take(MOST).map(|it| it.as_user_id()).collect()),
        ("Keys of user_metadata", keys(&user.user_metadata)),
        ("Keys of app_metadata", keys(&user.app_metadata)),
        ("Roles", first(&user.roles)),
        ("Organizations", first(&user.organizations)),
    ];
    if let Some(access) = &snapshot.access {
        listed.push(("Not read before the link", first(&access.unread)));
    }
    listed.retain(|(_, names)| !names.is_empty());
    listed.into_iter().map(|(name, names)| (name, names.join(", "))).collect()
}
