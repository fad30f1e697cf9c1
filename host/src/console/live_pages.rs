//! The live tail: its page, its script and its events.

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
const SHOWN: usize = 15;

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
struct LiveRow<'a> {
    row: DecisionRow<'a>,
}

/// `GET /console/live`: the newest decisions, and the script that shows further ones.
pub(super) fn show(visit: &ConsoleVisit) -> PageResult {
    let query = DecisionQuery { limit: SHOWN, ..DecisionQuery::default() };
    let decisions =
        visit.directory().find_decisions(&query).map_err(|error| visit.refuse_unavailable(&error))?;
    visit.audit("view the live tail", "");
    let frame = visit.frame();
    let nonce = frame.nonce.clone();
    let page = LivePage {
        frame,
        rows: decisions.iter().map(DecisionRow::new).collect(),
        last: decisions.first().map(|first| first.id.as_str()),
    };
    Ok(page::respond_with_own_script(StatusCode::OK, page.render(), &nonce))
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
    let view = View { console, operator, viewer, last: None, is_over: false };
    let events = stream::unfold(view, |view| async { view.next().await });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// A view that is under way.
struct View {
    console: Arc<Console>,
    operator: Operator,
    viewer: Viewer,
    /// The last decision that was sent from before the viewer came.
    last: Option<DecisionId>,
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
            if let Some(kept) = self.viewer.earlier.pop_front() {
                self.last = Some(kept.id.clone());
                return Some((Ok(new_event(&kept)), self));
            }
            match tokio::time::timeout(POLL, self.viewer.receiver.recv()).await {
                Ok(Ok(kept)) if self.last.as_ref().is_some_and(|last| kept.id <= *last) => {}
                Ok(Ok(kept)) => return Some((Ok(new_event(&kept)), self)),
                // The viewer was slow; the page says nothing of what it has missed.
                Ok(Err(RecvError::Lagged(_))) | Err(_) => {}
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }
}

/// An event with a row of the page. Foreign text in it is escaped, and has no line ends.
fn new_event(kept: &KeptDecision) -> Event {
    let row = LiveRow { row: DecisionRow::new(kept) }.render().unwrap_or_default();
    let event = Event::default().id(kept.id.as_str()).event("decision");
    event.json_data(&row).unwrap_or_default()
}
