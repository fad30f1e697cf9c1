//! Operators who log in: without a session nothing is shown or changed, and an open tail ends.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt;
use tower::ServiceExt;

use super::{ConsoleAccess, Office, forms_of, user};
use crate::auth0::ClientCredentials;
use crate::console::OperatorSettings;
use crate::console::access::Access;
use crate::console::login::operator_login::OperatorLogin;
use crate::directory::{ConflictQuery, Directory, KeptDecisions};
use crate::model::{Decision, Level};

/// A way in which a session ends.
type End = fn(&Office);

const ORIGIN: &str = "https://console.example.com";
const IDLE: Duration = Duration::from_mins(30);
const MOMENT: Duration = Duration::from_millis(1);

/// A console behind a login, and the login.
fn open(operator: &str) -> (Office, Arc<OperatorLogin>) {
    let office = Office::with_users(["auth0|1", "auth0|2"].map(|id| user(id, "Ada")));
    let settings = OperatorSettings {
        public_url: ORIGIN.to_owned(),
        issuer: "https://login.example.com/".to_owned(),
        operators: vec![operator.to_owned()],
        credentials: ClientCredentials::new("console", "secret"),
    };
    let login = Arc::new(OperatorLogin::new(settings, &office.ambient).unwrap());
    let access = ConsoleAccess(Access::Operators(login.clone()));
    let routes = Office::routes(&office.directory, access, &office.ambient);
    let cookie = Some(format!("__Host-ligature-console={}", login.begin_session(operator)));
    (Office { routes, origin: ORIGIN, cookie, ..office }, login)
}

#[test]
fn without_a_session_every_page_leads_to_the_login() {
    let (office, _) = open("ada@example.com");
    office.keep_conflict();
    let id = office.keep(Decision::Proceed, ("X", Level::Info), "Hidden text.");
    let (action, token) = forms_of(&office.page("/console/conflicts")).remove(0);
    for cookie in [None, Some(""), Some("__Host-ligature-console="), Some("__Host-ligature-console=x")] {
        let stranger = Office { cookie: cookie.map(str::to_owned), ..open("ada@example.com").0 };
        let stranger = Office { routes: office.routes.clone(), ..stranger };
        for path in [
            "/console",
            "/console/users?q=auth0",
            "/console/users/auth0%7C1",
            "/console/journal",
            "/console/journal/x/undo",
            "/console/merge?keep=auth0%7C1&move=auth0%7C2",
            "/console/decisions",
            &format!("/console/decisions/{id}"),
            "/console/conflicts",
            "/console/live",
            "/console/live.js",
        ] {
            let (status, to) = stranger.get(path);
            assert_eq!(status, StatusCode::SEE_OTHER, "{path}");
            assert!(to.starts_with("/console/log-in?to=%2Fconsole"), "{path}: {to}");
        }
        let tail = stranger.request("GET", "/console/live/events").body(Body::empty()).unwrap();
        assert_eq!(stranger.status_of(tail), StatusCode::UNAUTHORIZED);
        assert_eq!(stranger.submit(&action, &format!("form={token}&note=x")).0, StatusCode::FORBIDDEN);
    }
    assert_eq!(office.directory.count_open_conflicts().unwrap(), 1);
}

#[test]
fn an_ended_session_shows_and_changes_nothing() {
    for (name, end) in [("log out", log_out as End), ("idle", be_idle), ("8 hours", work_8_hours)] {
        let (office, _) = open("ada@example.com");
        office.keep_conflict();
        let page = office.page("/console/conflicts");
        end(&office);
        assert_eq!(office.get("/console/decisions").0, StatusCode::SEE_OTHER, "{name}");
        let tail = office.request("GET", "/console/live/events").body(Body::empty()).unwrap();
        assert_eq!(office.status_of(tail), StatusCode::UNAUTHORIZED, "{name}");
        let (status, words) = office.settle(&page, "note=x&separate=yes");
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}");
        assert!(words.contains("Nothing was changed"), "{name}: {words}");
        assert_eq!(office.directory.count_open_conflicts().unwrap(), 1, "{name}");
        assert!(office.directory.get("auth0|1").unwrap().user.app_metadata.is_none(), "{name}");
    }
}

fn log_out(office: &Office) {
    let page = office.page("/console");
    let form = page.split_once("action=\"/console/log-out\"").unwrap().1;
    let token = form.split_once("value=\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(office.submit("/console/log-out", &format!("form={token}")).0, StatusCode::OK);
}

fn be_idle(office: &Office) {
    office.clock.advance(IDLE.checked_sub(MOMENT).unwrap());
    office.page("/console");
    office.clock.advance(IDLE);
}

fn work_8_hours(office: &Office) {
    let minutes = Duration::from_mins(1);
    for _ in 0..479 {
        office.clock.advance(minutes);
        office.page("/console/users");
    }
    office.clock.advance(minutes.checked_sub(MOMENT).unwrap());
    office.page("/console");
    office.clock.advance(MOMENT);
}

/// Opens a tail, ends the session, and has a decision kept; the text that the tail sends until its end.
fn watch_over(office: &Office, end: impl Fn(&Office)) -> String {
    let request = office.request("GET", "/console/live/events").body(Body::empty()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let response = runtime.block_on(office.routes.clone().oneshot(request)).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut frames = response.into_body().into_data_stream();
    let (sent, received) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        while let Some(Ok(frame)) = frames.next().await {
            let _ = sent.send(String::from_utf8_lossy(&frame).into_owned());
        }
    });
    office.keep(Decision::Proceed, ("BEFORE", Level::Info), "Before the end.");
    let mut text = received.recv_timeout(Duration::from_secs(20)).expect("an event");
    end(office);
    office.keep(Decision::Proceed, ("AFTERWARDS", Level::Info), "After the end.");
    // The sender is dropped at the end of the tail.
    loop {
        match received.recv_timeout(Duration::from_secs(20)) {
            Ok(part) => text += &part,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return text,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the tail does not end: {text}"),
        }
    }
}

fn assert_over(text: &str) {
    assert!(text.contains("BEFORE"), "{text}");
    assert!(text.ends_with("event: end\ndata: over\n\n"), "{text}");
    assert!(!text.contains("AFTERWARDS"), "{text}");
}

#[test]
fn a_tail_ends_at_the_log_out() {
    assert_over(&watch_over(&open("ada@example.com").0, log_out));
}

/// The tail itself is no use of the session.
#[test]
fn a_tail_ends_when_the_session_is_idle() {
    assert_over(&watch_over(&open("ada@example.com").0, |office| office.clock.advance(IDLE)));
}

#[test]
fn a_tail_ends_after_eight_hours() {
    assert_over(&watch_over(&open("ada@example.com").0, work_8_hours));
}

#[test]
fn a_tail_goes_on_with_a_session_in_use() {
    let (office, _) = open("ada@example.com");
    let text = watch_over(&office, |office| {
        office.clock.advance(IDLE.checked_sub(MOMENT).unwrap());
        office.keep(Decision::Proceed, ("STILL", Level::Info), "Half an hour later.");
        // More than one poll.
        std::thread::sleep(Duration::from_millis(2_500));
        office.clock.advance(MOMENT);
    });
    assert!(text.contains("STILL"), "{text}");
    assert_over(&text);
}

#[test]
fn an_operator_with_a_long_name_settles() {
    let name = format!("auth0|{}", "x".repeat(249));
    let (office, _) = open(&name);
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    let settled = office.settle(&page, "note=x");
    assert_eq!(settled.0, StatusCode::SEE_OTHER, "{}", settled.1);
    let query = ConflictQuery { settled: true, after: None, limit: 1 };
    assert_eq!(office.directory.conflicts(&query).unwrap()[0].settled.as_ref().unwrap().by, name);
}

#[test]
fn a_form_of_another_operator_settles_nothing() {
    let (office, login) = open("ada@example.com");
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    let cookie = Some(format!("__Host-ligature-console={}", login.begin_session("grace@example.com")));
    let grace = Office { cookie, ..office };
    assert_eq!(grace.settle(&page, "note=x").0, StatusCode::BAD_REQUEST);
    assert_eq!(grace.directory.count_open_conflicts().unwrap(), 1);
}
