//! The live tail.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use super::{Office, SCRIPT};
use crate::model::{Decision, Level};

/// Reads events until there are so many.
fn read_events(office: &Office, last: Option<&str>, number: usize) -> Vec<(String, Value)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut request = Request::get("/console/live/events").header("host", "localhost:4480");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = office.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        // After the viewer has come.
        office.keep(Decision::Proceed, ("LIVE", Level::Info), SCRIPT);
        let mut frames = response.into_body().into_data_stream();
        let mut text = String::new();
        while text.matches("\n\n").count() < number {
            let part =
                tokio::time::timeout(Duration::from_secs(20), futures_util::StreamExt::next(&mut frames));
            text += std::str::from_utf8(&part.await.expect("an event").unwrap().unwrap()).unwrap();
        }
        let field = |event: &str, name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(": ").to_owned()
        };
        let events = text.split_terminator("\n\n").filter(|event| event.contains("event: decision"));
        events
            .map(|event| (field(event, "id"), serde_json::from_str(&field(event, "data")).unwrap()))
            .collect()
    })
}

#[test]
fn a_viewer_gets_decisions_as_they_are_made_and_those_that_were_missed() {
    let office = Office::open();
    let seen = office.keep(Decision::Proceed, ("SEEN", Level::Info), "Before.");
    let missed = office.keep(Decision::Proceed, ("MISSED", Level::Info), "Meanwhile.");
    let events = read_events(&office, Some(&seen), 2);
    assert_eq!(events[0].0, missed);
    assert!(events[0].1.as_str().unwrap().contains("MISSED"), "{events:?}");
    let row = events[1].1.as_str().unwrap();
    assert!(row.contains("LIVE") && row.contains("<details>") && !row.contains("<img"), "{row}");
    // A viewer who comes for the first time gets new ones only.
    let office = Office::open();
    office.keep(Decision::Proceed, ("SEEN", Level::Info), "Before.");
    let fresh = read_events(&office, None, 1);
    assert!(fresh[0].1.as_str().unwrap().contains("LIVE"), "{fresh:?}");
}

#[test]
fn viewers_are_bounded() {
    let office = Office::open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let view = async || {
            let request = Request::get("/console/live/events").body(Body::empty()).unwrap();
            office.routes.clone().oneshot(request).await.unwrap()
        };
        let mut views = Vec::new();
        for _ in 0..16 {
            views.push(view().await);
        }
        assert!(views.iter().all(|it| it.status() == StatusCode::OK));
        assert_eq!(view().await.status(), StatusCode::SERVICE_UNAVAILABLE);
        views.pop();
        assert_eq!(view().await.status(), StatusCode::OK, "a place is free again");
    });
}

#[test]
fn the_live_page_has_the_only_script_and_it_is_our_own() {
    let office = Office::open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (page, script) = runtime.block_on(async {
        let ask = async |path: &str| {
            office.routes.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
        };
        (ask("/console/live").await, ask("/console/live.js").await)
    });
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("script-src 'self'; connect-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.headers()["x-content-type-options"], "nosniff");
    assert_eq!(script.headers()["cross-origin-resource-policy"], "same-origin");
}

/// Such a page could not read the events, but take the places of all viewers.
#[test]
fn a_tail_for_another_site_is_refused() {
    let office = Office::open();
    for (name, value) in [
        ("origin", "http://localhost:3000"),
        ("origin", "null"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let request = office.request("GET", "/console/live/events").header(name, value);
        let status = office.status_of(request.body(Body::empty()).unwrap());
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
}

/// Decisions get their ids before they are written.
#[test]
fn a_decision_that_is_written_late_is_shown() {
    let office = Office::open();
    let late = office.make(Decision::Proceed, ("LATE", Level::Info), "Written late.");
    office.clock.advance(Duration::from_millis(5));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let view = async |last: &str| {
            let request = office.request("GET", "/console/live/events").header("last-event-id", last);
            office.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
        };
        let first = "00000000-0000-0000-0000-000000000000";
        let _watching = view(first).await;
        office.keep(Decision::Proceed, ("EARLY", Level::Info), "Written early.");
        let mut frames = view(first).await.into_body().into_data_stream();
        office.keep_all(&[late]);
        let mut text = String::new();
        while !text.contains("LATE") {
            let part =
                tokio::time::timeout(Duration::from_secs(20), futures_util::StreamExt::next(&mut frames));
            text += std::str::from_utf8(&part.await.expect("an event").unwrap().unwrap()).unwrap();
        }
        assert_eq!(text.matches("EARLY").count(), 1, "{text}");
    });
}

#[test]
fn an_id_that_is_none_begins_with_new_decisions() {
    for last in ["x", "%00", "../../x"] {
        let office = Office::open();
        office.keep(Decision::Proceed, ("SEEN", Level::Info), "Before.");
        let events = read_events(&office, Some(last), 1);
        assert!(events[0].1.as_str().unwrap().contains("LIVE"), "{events:?}");
    }
}
