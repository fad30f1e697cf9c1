//! Finding users: by identity, by address, or by the beginning of an id.

use askama::Template;
use axum::http::StatusCode;

use super::frame::Frame;
use super::visit::{ConsoleVisit, PageResult};
use super::words::UserRow;
use crate::directory::find_users;
use crate::service::page::filters;

/// The most users on the page.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "console_users.html")]
struct UsersPage<'a> {
    frame: Frame,
    query: &'a str,
    rows: Vec<UserRow<'a>>,
    has_more: bool,
}

/// `GET /console/users`.
pub(super) fn show(visit: &ConsoleVisit) -> PageResult {
    let query = visit.params.get("q").unwrap_or_default();
    let mut users = Vec::new();
    if !query.is_empty() {
        users = find_users(visit.directory(), query, MOST + 1)
            .map_err(|error| visit.refuse_unavailable(&error))?;
        visit.audit("find users", query);
    }
    let has_more = users.len() > MOST;
    users.truncate(MOST);
    let frame = visit.frame();
    let rows = users.iter().map(|user| UserRow::new(user)).collect();
    let page = UsersPage { frame, query, rows, has_more };
    Ok(visit.show(StatusCode::OK, page.render()))
}
