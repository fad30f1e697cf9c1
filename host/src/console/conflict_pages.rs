//! The conflicts that wait for a person.

use askama::Template;
use axum::http::StatusCode;

use super::frame::Frame;
use super::merge_preview::Side;
use super::paths::{CONFLICTS, MERGE, path_of_decision, path_of_user, settle_path, with_query};
use super::reason_meanings::find_meaning;
use super::redirect::see_page;
use super::separate::mark_as_separate;
use super::visit::{ConsoleVisit, PageResult, RefusalPage};
use super::words::format_time;
use crate::directory::{CONFLICT_NOTE, Conflict, ConflictKey, ConflictQuery, Settled};
use crate::model::{ApiError, has_visible_character, mask_addresses};
use crate::service::page::filters;

/// The number of conflicts of a list.
const ON_PAGE: usize = 5;
/// The most accounts of a conflict that are shown.
const MOST_ACCOUNTS: usize = 4;

#[derive(Template)]
#[template(path = "console_conflicts.html")]
struct ConflictsPage {
    frame: Frame,
    /// The result of the form that led here.
    done: Option<&'static str>,
    settled: bool,
    open: u64,
    conflicts: Vec<ConflictView>,
    longest_note: usize,
    /// The address of the next page.
    next: Option<String>,
}

struct ConflictView {
    code: String,
    meaning: Option<&'static str>,
    remedy: Option<&'static str>,
    first_at: String,
    last_at: String,
    times: u64,
    latest: String,
    accounts: Vec<Account>,
    more_accounts: usize,
    /// The address of the merge, if two accounts are left.
    merge: Option<String>,
    action: String,
    form: String,
    settled: Option<(String, String, String)>,
}

/// An account of a conflict, which may be gone by now.
struct Account {
    path: String,
    user_id: String,
    side: Option<Side>,
}

/// `GET /console/conflicts`: those that wait, the oldest first, or settled ones.
pub(super) fn list(visit: &ConsoleVisit) -> PageResult {
    let settled = visit.params.get("settled").is_some();
    let after = visit.params.get("after").map(str::parse::<ConflictKey>).transpose();
    let after = after.map_err(|_| refuse_unknown(visit))?;
    let query = ConflictQuery { settled, after, limit: ON_PAGE + 1 };
    let mut found = match visit.directory().conflicts(&query) {
        Ok(found) => found,
        Err(ApiError::NotFound(_)) => return Err(refuse_unknown(visit)),
        Err(error) => return Err(visit.refuse_unavailable(&error)),
    };
    let open = visit.directory().count_open_conflicts();
    let open = open.map_err(|error| visit.refuse_unavailable(&error))?;
    let has_more = found.len() > ON_PAGE;
    found.truncate(ON_PAGE);
    let last = found.last().filter(|_| has_more).map(|last| last.key.to_string());
    let conflicts = found.iter().map(|it| ConflictView::new(visit, it)).collect::<Result<Vec<_>, _>>()?;
    let frame = visit.frame();
    let page = ConflictsPage {
        frame,
        done: visit.params.get("done").and_then(describe_result),
        settled,
        open,
        conflicts,
        longest_note: CONFLICT_NOTE,
        next: last.map(|last| {
            with_query(CONFLICTS, &[("settled", settled.then_some("yes")), ("after", Some(&last))])
        }),
    };
    Ok(visit.show(StatusCode::OK, page.render()))
}

/// `POST /console/conflicts/{key}/settle`: settles a conflict, and marks its accounts as those of
/// different persons if the operator says so.
pub(super) fn settle(visit: &ConsoleVisit) -> PageResult {
    let key: ConflictKey = visit.id.parse().map_err(|_| refuse_unknown(visit))?;
    let conflict = match visit.directory().conflict(&key) {
        Ok(conflict) => conflict,
        Err(ApiError::NotFound(_)) => return Err(refuse_unknown(visit)),
        Err(error) => return Err(visit.refuse_unavailable(&error)),
    };
    let note = visit.params.get("note").unwrap_or_default();
    if !has_visible_character(note) || note.chars().count() > CONFLICT_NOTE {
        let words = format!("A note of up to {CONFLICT_NOTE} characters is required. Nothing was changed.");
        let link = (CONFLICTS, "Back to the conflicts");
        return Err(visit.refuse_with_link(StatusCode::BAD_REQUEST, &words, link));
    }
    let are_separate = visit.params.get("separate").is_some();
    if conflict.settled.is_none() && are_separate {
        mark_as_separate(visit, &conflict.user_ids)?;
    }
    let settled = Settled::with_note(visit.now(), visit.operator.name.clone(), note)
        .map_err(|error| visit.refuse_unavailable(&error))?;
    let result = visit.directory().settle_conflict(&key, &settled);
    tracing::info!(
        target: "audit", operator = %mask_addresses(&visit.operator.name), action = "settle a conflict",
        subject = %mask_addresses(&conflict.user_ids.join(", ")), code = conflict.code, are_separate,
        done = result.is_ok(), "console"
    );
    match result {
        Ok(_) => Ok(see_page(&with_query(CONFLICTS, &[("done", Some("settled"))]))),
        Err(ApiError::StateChanged(_)) => {
            let words = if conflict.settled.is_none() && are_separate {
                "The conflict was settled meanwhile. The accounts were marked as separate."
            } else {
                "The conflict was settled meanwhile. Nothing was changed."
            };
            let link = (CONFLICTS, "Back to the conflicts");
            Err(visit.refuse_with_link(StatusCode::CONFLICT, words, link))
        }
        Err(error) => Err(visit.refuse_unavailable(&error)),
    }
}

fn refuse_unknown(visit: &ConsoleVisit) -> RefusalPage {
    let link = (CONFLICTS, "Back to the conflicts");
    visit.refuse_with_link(StatusCode::NOT_FOUND, "There is no such conflict.", link)
}

/// Describes the result of a form, by its name in the address. Other words are not shown: anybody
/// could have written the address.
fn describe_result(name: &str) -> Option<&'static str> {
    (name == "settled").then_some("The conflict was settled.")
}

impl ConflictView {
    fn new(visit: &ConsoleVisit, conflict: &Conflict) -> Result<Self, RefusalPage> {
        let ids = conflict.user_ids.iter().take(MOST_ACCOUNTS);
        let accounts = ids.map(|id| Account::read(visit, id)).collect::<Result<Vec<_>, _>>()?;
        let left: Vec<&str> =
            accounts.iter().filter(|it| it.side.is_some()).map(|it| it.user_id.as_str()).collect();
        let merge = match left[..] {
            [keep, moved] => Some(with_query(MERGE, &[("keep", Some(keep)), ("move", Some(moved))])),
            _ => None,
        };
        visit.audit("show a conflict", &conflict.user_ids.join(", "));
        let meaning = find_meaning(&conflict.code);
        let action = settle_path(&conflict.key);
        Ok(Self {
            code: conflict.code.clone(),
            meaning: meaning.map(|it| it.words),
            remedy: meaning.map(|it| it.remedy),
            first_at: format_time(conflict.first_at),
            last_at: format_time(conflict.last_at),
            times: conflict.times,
            latest: path_of_decision(&conflict.latest),
            more_accounts: conflict.user_ids.len().saturating_sub(MOST_ACCOUNTS),
            accounts,
            merge,
            form: visit.form_token(&action),
            action,
            settled: conflict.settled.as_ref().map(|it| (format_time(it.at), it.by.clone(), it.note.clone())),
        })
    }
}

impl Account {
    fn read(visit: &ConsoleVisit, user_id: &str) -> Result<Self, RefusalPage> {
        let side = match visit.directory().get(user_id) {
            Ok(stored) => Some(Side::new("", &stored.user)),
            Err(ApiError::NotFound(_)) => None,
            Err(error) => return Err(visit.refuse_unavailable(&error)),
        };
        Ok(Self { path: path_of_user(user_id), user_id: user_id.to_owned(), side })
    }
}
