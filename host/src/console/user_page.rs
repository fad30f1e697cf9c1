//! One user: the ways to log in, the marks and the history.

use askama::Template;
use axum::http::StatusCode;
use ligature_linking_marks::{LINKING, NO_LINK, PRIVILEGED};

use super::decision_rows::DecisionRow;
use super::frame::Frame;
use super::paths::{DECISIONS, JOURNAL, MERGE, path_of_user, with_query};
use super::visit::{ConsoleVisit, PageResult, RefusalPage};
use super::words::{EntryRow, describe_address, find_contact, find_name, format_time, format_time_or_never};
use crate::directory::{DecisionQuery, Entry, EntryKind, JournalQuery, Stored};
use crate::model::{ApiError, Identity, Metadata, Timestamp, User};
use crate::service::page::filters;

/// The number of entries that are searched for the times of links.
const NEWEST: usize = 100;
/// The number of entries on the page.
const SHOWN: usize = 10;
/// The most identities, and the most keys of metadata, on the page.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "console_user.html")]
struct UserPage<'a> {
    frame: Frame,
    user_id: &'a str,
    name: Option<&'a str>,
    address: String,
    blocked: bool,
    created_at: Option<String>,
    last_login: String,
    logins: u64,
    factors: Vec<String>,
    identities: Vec<IdentityRow<'a>>,
    more_identities: usize,
    marks: Vec<(String, String)>,
    user_keys: Vec<&'a str>,
    app_keys: Vec<&'a str>,
    roles: &'a [String],
    organizations: &'a [String],
    entries: Vec<EntryRow>,
    rows: Vec<DecisionRow<'a>>,
    decisions: String,
    journal: String,
    merge_into: String,
    merge_from: String,
}

struct IdentityRow<'a> {
    id: String,
    connection: &'a str,
    contact: Option<&'a str>,
    is_main: bool,
    added: Option<String>,
    last_login: Option<String>,
}

/// `GET /console/users/{id}`.
pub(super) fn show(visit: &ConsoleVisit) -> PageResult {
    let Stored { user, .. } = find_user(visit, &visit.id)?;
    let query =
        JournalQuery { user_id: Some(user.user_id.clone()), limit: NEWEST, ..JournalQuery::default() };
    let entries = visit.directory().journal(&query).map_err(|error| visit.refuse_unavailable(&error))?;
    let query =
        DecisionQuery { user_id: Some(user.user_id.clone()), limit: SHOWN, ..DecisionQuery::default() };
    let decisions =
        visit.directory().find_decisions(&query).map_err(|error| visit.refuse_unavailable(&error))?;
    let shown = &user.identities[..user.identities.len().min(MOST)];
    let uses = visit.directory().last_uses(shown).map_err(|error| visit.refuse_unavailable(&error))?;
    visit.audit("show a user", &user.user_id);
    let frame = visit.frame();
    let id = Some(&*user.user_id);
    let page = UserPage {
        frame,
        user_id: &user.user_id,
        name: find_name(&user),
        address: describe_address(&user),
        blocked: user.blocked,
        created_at: user.created_at.map(format_time),
        last_login: format_time_or_never(user.last_login),
        logins: user.logins_count.unwrap_or_default(),
        factors: user.mfa_factors(),
        identities: shown
            .iter()
            .zip(uses)
            .map(|(identity, last_login)| IdentityRow::new(&user, identity, last_login, &entries))
            .collect(),
        more_identities: user.identities.len().saturating_sub(MOST),
        marks: list_marks(&user),
        user_keys: list_keys(user.user_metadata.as_ref()),
        app_keys: list_keys(user.app_metadata.as_ref()),
        roles: &user.roles[..user.roles.len().min(MOST)],
        organizations: &user.organizations[..user.organizations.len().min(MOST)],
        entries: entries.iter().take(SHOWN).map(EntryRow::new).collect(),
        rows: decisions.iter().map(DecisionRow::new).collect(),
        decisions: with_query(DECISIONS, &[("user", id)]),
        journal: with_query(JOURNAL, &[("user", id)]),
        merge_into: with_query(MERGE, &[("keep", id)]),
        merge_from: with_query(MERGE, &[("move", id)]),
    };
    Ok(visit.show(StatusCode::OK, page.render()))
}

/// Finds a user by the whole id. For an identity of another user, the page leads there.
pub(super) fn find_user(visit: &ConsoleVisit, user_id: &str) -> Result<Stored, RefusalPage> {
    let fail = |error: ApiError| visit.refuse_unavailable(&error);
    match visit.directory().get(user_id) {
        Err(ApiError::NotFound(_)) => {}
        found => return found.map_err(fail),
    }
    match visit.directory().holder(user_id).map_err(fail)? {
        Some(holder) => {
            let primary = &holder.user.user_id;
            let words = format!("{user_id} is an identity of {primary}, and not a user of its own.");
            let link = (&*path_of_user(primary), "Show that user");
            Err(visit.refuse_with_link(StatusCode::NOT_FOUND, &words, link))
        }
        None => Err(visit.refuse(StatusCode::NOT_FOUND, &format!("There is no user {user_id}."))),
    }
}

impl<'a> IdentityRow<'a> {
    fn new(user: &'a User, identity: &'a Identity, last_login: Option<Timestamp>, entries: &[Entry]) -> Self {
        let id = identity.as_user_id();
        let is_main = user.identities.first().is_some_and(|main| main.key() == identity.key());
        let is_link = |entry: &&Entry| {
            entry.kind == EntryKind::Link
                && entry.undone.is_none()
                && entry.primary == user.user_id
                && entry.secondary == id
        };
        let link = entries.iter().find(is_link).map(|entry| entry.at);
        Self {
            connection: &identity.connection,
            contact: find_contact(user, identity),
            added: if is_main { user.created_at } else { link }.map(format_time),
            last_login: last_login.map(format_time),
            is_main,
            id,
        }
    }
}

/// Lists the marks by which logins of the user are linked or not.
fn list_marks(user: &User) -> Vec<(String, String)> {
    let Some(metadata) = &user.app_metadata else { return Vec::new() };
    let own = [NO_LINK, PRIVILEGED].into_iter().filter_map(|key| Some((key.to_owned(), metadata.get(key)?)));
    let linking = metadata.get(LINKING).into_iter().flat_map(|linking| match linking.as_object() {
        Some(marks) => {
            marks.iter().map(|(key, value)| (format!("{LINKING}.{key}"), value)).collect::<Vec<_>>()
        }
        None => vec![(LINKING.to_owned(), linking)],
    });
    own.chain(linking).take(MOST).map(|(key, value)| (key, value.to_string())).collect()
}

fn list_keys(metadata: Option<&Metadata>) -> Vec<&str> {
    metadata.into_iter().flatten().take(MOST).map(|(key, _)| key.as_str()).collect()
}
