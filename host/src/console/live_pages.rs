//! The live tail: its page, its script and its events.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;

use super::decision_rows::DecisionRow;
use super::frame::{Frame, Operator};
use super::live_feed::{NoView, POLL, Viewer};
use super::state::Console;
use super::visit::{ConsoleVisit, PageResult};
use crate::directory::{DecisionId, DecisionQuery, KeptDecision};
use crate::model::mask_addresses;
use crate::service::page;
use crate::service::page::filters;

const SCRIPT: &str = include_str!("../../templates/console_live.js");

/// The number of decisions that the page begins with.
const SHOWN: usize = 8;
/// The most bytes of the rows that the page begins with: traces beyond them are left out.
const ROWS: usize = 24_000;

#[derive(Template)]
#[template(path = "console_live.html")]
struct LivePage<'a> {
    frame: Frame,
    rows: Vec<DecisionRow<'a>>,
    /// The newest decision, after which the events begin.
    last: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "console_live_row.html")]
struct LiveRow<'a, 'k> {
    row: &'a DecisionRow<'k>,
}

/// `GET /console/live`: the newest decisions, and the script that shows further ones.
pub(super) fn show(visit: &ConsoleVisit) -> PageResult {
    let query = DecisionQuery { limit: SHOWN, ..DecisionQuery::default() };
    let decisions =
        visit.directory().find_decisions(&query).map_err(|error| visit.refuse_unavailable(&error))?;
    let mut rows: Vec<DecisionRow<'_>> = decisions.iter().map(DecisionRow::new).collect();
    drop_traces(&mut rows);
    visit.audit("view the live tail", "");
    let frame = visit.frame();
    let page = LivePage { frame, rows, last: decisions.first().map(|first| first.id.as_str()) };
    Ok(page::respond_with_own_script(StatusCode::OK, page.render()))
}

/// Leaves out the traces for which the page has no room. The page of the decision has them.
fn drop_traces(rows: &mut [DecisionRow<'_>]) {
    let measure = |row: &DecisionRow<'_>| LiveRow { row }.render().map_or(ROWS, |row| row.len());
    let traces: Vec<_> = rows.iter_mut().map(|row| (measure(row), std::mem::take(&mut row.trace))).collect();
    let mut left = ROWS.saturating_sub(rows.iter().map(measure).sum());
    for (row, (whole, trace)) in rows.iter_mut().zip(traces) {
        let more = whole.saturating_sub(measure(row));
        if more <= left {
            left -= more;
            row.trace = trace;
        }
    }
}

/// `GET /console/live.js`: the script of the page.
pub(super) fn script(_: &ConsoleVisit) -> PageResult {
    Ok(([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response())
}

/// `GET /console/live/events`: decisions as they are made, until the session ends.
pub(super) async fn events(State(console): State<Arc<Console>>, request: Request) -> Response {
    let Ok(operator) = console.access.identify(&request) else {
        return (StatusCode::UNAUTHORIZED, "The session has ended.\n").into_response();
    };
    if console.access.refuse_foreign(request.headers()).is_err() {
        tracing::warn!(target: "audit", operator = %mask_addresses(&operator.name), "a live tail for another site was refused");
        return (StatusCode::FORBIDDEN, "The tail is for pages of the console.\n").into_response();
    }
    let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let query = request.uri().query().and_then(|query| query.strip_prefix("after="));
    let last = header.or(query).and_then(|id| id.parse::<DecisionId>().ok());
    let viewer = match console.feed.view(last).await {
        Ok(viewer) => viewer,
        Err(NoView::Full) => {
            return (StatusCode::SERVICE_UNAVAILABLE, "There are too many viewers.\n").into_response();
        }
        Err(NoView::Directory(error)) => {
            tracing::error!(error = %mask_addresses(&error.to_string()), "the directory failed");
            return (StatusCode::SERVICE_UNAVAILABLE, "The directory failed.\n").into_response();
        }
    };
    let view = View { console, operator, viewer, missed: HashSet::new(), next: None, is_over: false };
    let events = stream::unfold(view, |view| async { view.next().await });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// A view that is under way.
struct View {
    console: Arc<Console>,
    operator: Operator,
    viewer: Viewer,
    /// The decisions that were sent from before the viewer came: the poller may find them again.
    missed: HashSet<DecisionId>,
    /// The decision that is sent next, if the session is still open.
    next: Option<Arc<KeptDecision>>,
    is_over: bool,
}

impl View {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.is_over {
            return None;
        }
        loop {
            if !self.console.access.is_open(&self.operator) {
                self.is_over = true;
                return Some((Ok(Event::default().event("end").data("over")), self));
            }
            if let Some(kept) = self.next.take() {
                return Some((Ok(new_event(&kept)), self));
            }
            if let Some(kept) = self.viewer.earlier.pop_front() {
                self.missed.insert(kept.id.clone());
                return Some((Ok(new_event(&kept)), self));
            }
            match tokio::time::timeout(POLL, self.viewer.receiver.recv()).await {
                Ok(Ok(kept)) if self.missed.contains(&kept.id) => {}
                // The session may have ended while this waited.
                Ok(Ok(kept)) => self.next = Some(kept),
                // The viewer was slow; the page says nothing of what it has missed.
                Ok(Err(RecvError::Lagged(_))) | Err(_) => {}
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }
}

/// An event with a row of the page. Foreign text in it is escaped, and has no line ends.
fn new_event(kept: &KeptDecision) -> Event {
    let row = LiveRow { row: &DecisionRow::new(kept) }.render().unwrap_or_default();
    let event = Event::default().id(kept.id.as_str()).event("decision");
    event.json_data(&row).unwrap_or_default()
}
