//! The first page: the search, and the newest changes.

use askama::Template;
use axum::http::StatusCode;

use super::frame::Frame;
use super::visit::{ConsoleVisit, PageResult};
use super::words::EntryRow;
use crate::directory::JournalQuery;
use crate::service::page::filters;

/// The number of entries on the page.
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "console_home.html")]
struct HomePage {
    frame: Frame,
    entries: Vec<EntryRow>,
}

/// `GET /console`.
pub(super) fn show(visit: &ConsoleVisit) -> PageResult {
    let query = JournalQuery { limit: SHOWN, ..JournalQuery::default() };
    let entries = visit.directory().journal(&query).map_err(|error| visit.refuse_unavailable(&error))?;
    let frame = visit.frame();
    let nonce = frame.nonce.clone();
    let page = HomePage { frame, entries: entries.iter().map(EntryRow::new).collect() };
    Ok(visit.show(StatusCode::OK, page.render(), &nonce))
}
