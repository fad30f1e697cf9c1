//! Merging two accounts by hand.

use askama::Template;
use axum::http::StatusCode;

use super::frame::Frame;
use super::merge_form::{LONGEST_REASON, MergeForm, name_rule};
use super::merge_preview::{Effect, Side};
use super::paths::{MERGE, path_of_entry, path_of_user, with_query};
use super::redirect::see_page;
use super::visit::{ConsoleVisit, PageResult, RefusalPage};
use super::words::UserRow;
use crate::directory::{Stored, find_users};
use crate::merge::{MergeAuthor, MergeError, MergePair, MergePlan, MergeScope, Merged, plan_merge};
use crate::model::{ApiError, User, mask_addresses};
use crate::service::page::filters;
use std::sync::Arc;

/// The most users that are listed if a text names several.
const MOST: usize = 10;

#[derive(Template)]
#[template(path = "console_merge.html")]
struct MergePage<'a> {
    frame: Frame,
    keep: &'a str,
    moved: &'a str,
    user_metadata: &'static str,
    app_metadata: &'static str,
    /// The fault of the form.
    fault: Option<String>,
    choices: Vec<Choice>,
    preview: Option<Preview>,
    reason: &'a str,
    longest_reason: usize,
    form: String,
}

/// A user who is chosen by a link, because the typed text names several.
struct Choice {
    path: String,
    words: String,
}

struct Preview {
    sides: [Side; 2],
    keep_id: String,
    moved_id: String,
    /// The address of the preview with the accounts exchanged.
    swapped: String,
    effect: Result<Effect, String>,
}

/// The two accounts, as they were read.
struct Accounts {
    kept: Stored,
    moved: Stored,
}

/// The reason why the typed texts name no two accounts.
struct NotFound {
    fault: String,
    choices: Vec<Choice>,
}

/// `GET /console/merge`: the form, and the effect of the merge.
pub(super) fn preview(visit: &ConsoleVisit) -> PageResult {
    let form = MergeForm::read(&visit.params);
    let page = Page { visit, form: &form };
    let (Some(keep), Some(moved)) = (form.keep, form.moved) else {
        return page.show(StatusCode::OK, None, NotFound { fault: String::new(), choices: Vec::new() });
    };
    let found = page.find(("keep", keep), ("move", moved))?;
    match found {
        Ok(accounts) => page.show_preview(StatusCode::OK, &accounts, ""),
        Err(not_found) => page.show(StatusCode::NOT_FOUND, None, not_found),
    }
}

/// `POST /console/merge`: merges the accounts, if nothing has changed since the preview.
pub(super) fn merge(visit: &ConsoleVisit) -> PageResult {
    let form = MergeForm::read(&visit.params);
    let page = Page { visit, form: &form };
    let accounts = page.read_again()?;
    let plan = match page.plan(&accounts) {
        Ok(plan) => plan,
        Err(refusal) => {
            visit.audit("a merge was refused", &refusal);
            return page.show_preview(StatusCode::FORBIDDEN, &accounts, "");
        }
    };
    if form.plan != Some(plan.digest().as_str()) {
        let fault = "An account has changed since this page was shown. Look at it again.";
        return page.show_preview(StatusCode::CONFLICT, &accounts, fault);
    }
    if let Some(fault) = form.find_reason_fault() {
        return page.show_preview(StatusCode::BAD_REQUEST, &accounts, &fault);
    }
    let author =
        MergeAuthor::Operator { provenance: visit.provenance(), reason: Some(form.reason.to_owned()) };
    let merged = plan.carry_out(visit.directory(), &author, visit.now());
    tracing::info!(
        target: "audit", operator = %mask_addresses(&visit.operator.name), action = "merge",
        kept = %mask_addresses(&plan.kept.user_id), moved = %mask_addresses(&plan.moved.user_id),
        done = merged.is_ok(), "console"
    );
    match merged {
        Ok(Merged { link: Some(link), .. }) => Ok(see_page(&format!("{}?done=merged", path_of_entry(&link)))),
        Ok(Merged { user, link: None }) => Ok(see_page(&path_of_user(&user.user_id))),
        Err(MergeError::Changed(_)) => {
            let fault = "An account has changed meanwhile, and nothing was merged. Look at it again.";
            page.show_preview(StatusCode::CONFLICT, &page.read_again()?, fault)
        }
        Err(MergeError::Directory(error)) => Err(visit.refuse_unavailable(&error)),
    }
}

struct Page<'a> {
    visit: &'a ConsoleVisit,
    form: &'a MergeForm<'a>,
}

impl Page<'_> {
    /// Finds both accounts by what was typed: an id, an address, or the beginning of an id.
    fn find(
        &self,
        keep: (&str, &str),
        moved: (&str, &str),
    ) -> Result<Result<Accounts, NotFound>, RefusalPage> {
        let kept = match self.find_one(keep)? {
            Ok(found) => found,
            Err(not_found) => return Ok(Err(not_found)),
        };
        Ok(self.find_one(moved)?.map(|moved| Accounts { kept, moved }))
    }

    fn find_one(&self, (name, typed): (&str, &str)) -> Result<Result<Stored, NotFound>, RefusalPage> {
        let fail = |error: ApiError| self.visit.refuse_unavailable(&error);
        let mut users = find_users(self.visit.directory(), typed, MOST).map_err(fail)?;
        self.visit.audit("find users", typed);
        match (users.pop(), users.len()) {
            (Some(one), 0) => match self.visit.directory().get(&one.user_id) {
                Ok(stored) => Ok(Ok(stored)),
                Err(ApiError::NotFound(_)) => Ok(Err(self.nobody(typed))),
                Err(error) => Err(fail(error)),
            },
            (None, _) => Ok(Err(self.nobody(typed))),
            (Some(last), _) => {
                users.push(last);
                let choices = users.iter().map(|user| self.choose(name, user)).collect();
                let fault = format!("Several users are found by {typed}. Choose one:");
                Ok(Err(NotFound { fault, choices }))
            }
        }
    }

    fn nobody(&self, typed: &str) -> NotFound {
        NotFound { fault: format!("No user is found by {typed}."), choices: Vec::new() }
    }

    fn choose(&self, name: &str, user: &Arc<User>) -> Choice {
        let own = |field: &str, typed| if field == name { Some(&*user.user_id) } else { typed };
        let path = with_query(
            MERGE,
            &[("keep", own("keep", self.form.keep)), ("move", own("move", self.form.moved))],
        );
        let row = UserRow::new(user);
        Choice { path, words: format!("{}, {}", row.user_id, row.address) }
    }

    /// Reads the accounts of a form again, by their whole ids.
    fn read_again(&self) -> Result<Accounts, RefusalPage> {
        let read = |id: Option<&str>| match self.visit.directory().get(id.unwrap_or_default()) {
            Ok(stored) => Ok(stored),
            Err(ApiError::NotFound(_)) => {
                let id = id.unwrap_or("without an id");
                let words = format!("There is no user {id} any more. It may have been merged meanwhile.");
                Err(self.visit.refuse_with_link(StatusCode::CONFLICT, &words, (MERGE, "Merge accounts")))
            }
            Err(error) => Err(self.visit.refuse_unavailable(&error)),
        };
        Ok(Accounts { kept: read(self.form.keep)?, moved: read(self.form.moved)? })
    }

    fn plan(&self, accounts: &Accounts) -> Result<MergePlan, String> {
        let pair = MergePair { kept: &accounts.kept, moved: &accounts.moved };
        plan_merge(pair, self.form.choice, MergeScope::Operator, self.visit.now())
            .map_err(|refusal| refusal.to_string())
    }

    fn show_preview(&self, status: StatusCode, accounts: &Accounts, fault: &str) -> PageResult {
        let (kept, moved) = (&accounts.kept.user, &accounts.moved.user);
        self.visit.audit("preview a merge", &format!("{} and {}", kept.user_id, moved.user_id));
        let choice = self.form.choice;
        let swapped = with_query(
            MERGE,
            &[
                ("keep", Some(&moved.user_id)),
                ("move", Some(&kept.user_id)),
                ("user_metadata", Some(name_rule(choice.user_metadata))),
                ("app_metadata", Some(name_rule(choice.app_metadata))),
            ],
        );
        let preview = Preview {
            sides: [Side::new("Stays", kept), Side::new("Becomes a part of it", moved)],
            keep_id: kept.user_id.clone(),
            moved_id: moved.user_id.clone(),
            swapped,
            effect: self.plan(accounts).as_ref().map(Effect::new).map_err(Clone::clone),
        };
        let fault = NotFound { fault: fault.to_owned(), choices: Vec::new() };
        self.show(status, Some(preview), fault)
    }

    fn show(&self, status: StatusCode, preview: Option<Preview>, not_found: NotFound) -> PageResult {
        let frame = self.visit.frame();
        let NotFound { fault, choices } = not_found;
        let page = MergePage {
            frame,
            keep: self.form.keep.unwrap_or_default(),
            moved: self.form.moved.unwrap_or_default(),
            user_metadata: name_rule(self.form.choice.user_metadata),
            app_metadata: name_rule(self.form.choice.app_metadata),
            fault: Some(fault).filter(|fault| !fault.is_empty()),
            choices,
            preview,
            reason: self.form.reason,
            longest_reason: LONGEST_REASON,
            form: self.visit.form_token(MERGE),
        };
        Ok(self.visit.show(status, page.render()))
    }
}
