//! The first page: the search, the numbers of decisions by day, and what is new.

use askama::Template;
use axum::http::StatusCode;

use super::chart::{Chart, KINDS, find_first_day};
use super::decision_rows::DecisionRow;
use super::frame::Frame;
use super::visit::{ConsoleVisit, PageResult};
use super::words::EntryRow;
use crate::directory::{DecisionQuery, JournalQuery};
use crate::model::ApiError;
use crate::service::page::filters;

/// The number of entries, and of decisions, on the page.
const SHOWN: usize = 6;

#[derive(Template)]
#[template(path = "console_home.html")]
struct HomePage<'a> {
    frame: Frame,
    open_conflicts: u64,
    chart: Chart,
    kinds: [&'static str; 4],
    rows: Vec<DecisionRow<'a>>,
    entries: Vec<EntryRow>,
}

/// `GET /console`.
pub(super) fn show(visit: &ConsoleVisit) -> PageResult {
    let fail = |error: ApiError| visit.refuse_unavailable(&error);
    let directory = visit.directory();
    let query = JournalQuery { limit: SHOWN, ..JournalQuery::default() };
    let entries = directory.journal(&query).map_err(fail)?;
    let query = DecisionQuery { limit: SHOWN, ..DecisionQuery::default() };
    let decisions = directory.find_decisions(&query).map_err(fail)?;
    let counts = directory.count_decisions(&find_first_day(visit.now())).map_err(fail)?;
    let frame = visit.frame();
    let page = HomePage {
        frame,
        open_conflicts: directory.count_open_conflicts().map_err(fail)?,
        chart: Chart::new(&counts, visit.now()),
        kinds: KINDS,
        rows: decisions.iter().map(DecisionRow::new).collect(),
        entries: entries.iter().map(EntryRow::new).collect(),
    };
    Ok(visit.show(StatusCode::OK, page.render()))
}
