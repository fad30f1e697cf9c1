//! The pages about decisions, on a directory in memory.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{ConsoleAccess, ConsoleParts};
use crate::ambient::Ambient;
use crate::clock::ManualClock;
use crate::directory::{
    Administration, ConflictQuery, DecisionId, Directory, KeptDecision, KeptDecisions, Memory,
};
use crate::model::{Decision, Level, Reason, RuleVerdict, Timestamp, User};
use crate::random::SeededRandom;

const SCRIPT: &str = "</script><img src=x onerror=alert(1)>\u{202e}\r\n";

/// A console, and the directory that it shows.
struct Office {
    directory: Arc<Memory>,
    ambient: Ambient,
    clock: Arc<ManualClock>,
    routes: Router,
}

impl Office {
    fn open() -> Self {
        let clock = Arc::new(ManualClock::starting_at("2026-11-27T10:00:00Z".parse().unwrap()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let user = |id: &str| -> User {
            let own = id.split_once('|').unwrap();
            serde_json::from_value(json!({
                "user_id": id, "email": "ada@corp.com", "email_verified": true, "name": "Ada",
                "identities": [{ "provider": own.0, "user_id": own.1, "connection": "db", "isSocial": false }],
            }))
            .unwrap()
        };
        let directory = Arc::new(Memory::with_users(&ambient, [user("auth0|1"), user("auth0|2")]));
        let shown: Arc<dyn Administration> = directory.clone();
        let parts =
            ConsoleParts { directory: shown, access: ConsoleAccess::local(), ambient: ambient.clone() };
        Self { directory, ambient, clock, routes: parts.into_routes() }
    }

    /// Keeps a decision with this reason, made now; its id.
    fn keep(&self, decision: Decision, (code, level): (&str, Level), detail: &str) -> String {
        let kept = KeptDecision {
            id: DecisionId::draw(&self.ambient),
            at: self.ambient.now(),
            user_id: "auth0|1".to_owned(),
            final_user_id: Some("auth0|1".to_owned()),
            client_id: Some("web".to_owned()),
            connection: Some("db".to_owned()),
            policy: Some("link-users-by-email".to_owned()),
            policy_sha256: None,
            plugin: None,
            decision,
            reasons: vec![Reason {
                code: code.to_owned(),
                level,
                subject: vec!["auth0|2".to_owned()],
                detail: detail.to_owned(),
            }],
            trace: vec![RuleVerdict {
                rule: "the login is not excluded".to_owned(),
                verdict: "passed".to_owned(),
                evidence: detail.to_owned(),
            }],
            counterfactual: None,
            left_out: Vec::new(),
        };
        self.directory.keep_decisions(std::slice::from_ref(&kept)).unwrap();
        kept.id.to_string()
    }

    fn keep_conflict(&self) {
        self.keep(Decision::Proceed, ("TWO_DATABASE_ACCOUNTS", Level::Conflict), "Two databases.");
    }

    fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let response = self.routes.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let location = response.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            (status, location.unwrap_or_else(|| String::from_utf8(body.to_vec()).unwrap()))
        })
    }

    fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(Request::get(path).header("host", "localhost:4480").body(Body::empty()).unwrap())
    }

    fn page(&self, path: &str) -> String {
        let (status, page) = self.get(path);
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        assert!(page.len() <= 30_000, "{path}: {}", page.len());
        page
    }

    /// Sends the form of a conflict on this page.
    fn settle(&self, page: &str, fields: &str) -> (StatusCode, String) {
        let between = |start: &str| page.split_once(start).unwrap().1.split_once('"').unwrap().0;
        let action = between("<form method=\"post\" action=\"");
        let token = between("name=\"form\" value=\"");
        let request = Request::post(action)
            .header("host", "localhost:4480")
            .header("origin", "http://localhost:4480")
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(format!("form={token}&{fields}"))).unwrap())
    }
}

#[test]
fn decisions_are_listed_filtered_and_paged() {
    let office = Office::open();
    office.keep(Decision::Proceed, ("NO_CANDIDATE", Level::Info), "Nobody else.");
    office.clock.advance(Duration::from_secs(86_400));
    for _ in 0..30 {
        let linked = Decision::Linked { primary: "auth0|1".to_owned() };
        office.keep(linked, ("LINKED_VERIFIED_BOTH", Level::Info), "Both have it.");
    }
    let rows = |page: &str| page.matches("<tr><td><a href=\"/console/decisions/").count();
    let first = office.page("/console/decisions");
    assert_eq!(rows(&first), 25);
    let older = first.split_once("<p><a href=\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(rows(&office.page(&older.replace("&#38;", "&"))), 6);
    for (query, number) in [
        ("kind=proceed", 1),
        ("kind=deny", 0),
        ("code=NO_CANDIDATE", 1),
        ("user=auth0%7C2", 0),
        ("until=2026-11-27", 1),
        ("since=2026-11-28&kind=linked", 25),
        ("since=2026-11-29", 0),
    ] {
        assert_eq!(rows(&office.page(&format!("/console/decisions?{query}"))), number, "{query}");
    }
    for bad in ["since=yesterday", "until=2026-13-01", "before=x"] {
        assert_eq!(office.get(&format!("/console/decisions?{bad}")).0, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert!(office.page("/console/users/auth0%7C1").contains("LINKED_VERIFIED_BOTH"));
}

#[test]
fn a_decision_is_explained_rule_by_rule() {
    let office = Office::open();
    let id =
        office.keep(Decision::Proceed, ("TWO_DATABASE_ACCOUNTS", Level::Conflict), "Both are databases.");
    let page = office.page(&format!("/console/decisions/{id}"));
    for words in [
        "The login went on unchanged.",
        "<code>TWO_DATABASE_ACCOUNTS</code> (conflict): Both are databases.",
        "Both accounts are in databases of the tenant.",
        "the login is not excluded",
        "href=\"/console/users/auth0%7C2\"",
        "<dd>link-users-by-email</dd>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for unknown in ["x", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(office.get(&format!("/console/decisions/{unknown}")).0, StatusCode::NOT_FOUND);
    }
}

#[test]
fn the_first_page_counts_decisions_by_day() {
    let office = Office::open();
    assert!(office.page("/console").contains("No decision was kept yet."));
    office.keep_conflict();
    office.keep(Decision::Deny { message: "No.".to_owned() }, ("BLOCKED", Level::Info), "It is blocked.");
    let page = office.page("/console");
    for words in [
        "1 conflict waits",
        "<tr><th scope=\"row\">2026-11-27</th><td>1</td><td>0</td><td>0</td><td>1</td></tr>",
        "role=\"img\"",
        "The highest bar is 2.",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(page.matches("<rect ").count(), 2);
}

#[test]
fn a_conflict_is_settled_with_a_note_and_once() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    for words in ["Both accounts are in databases of the tenant.", "ada@corp.com", "Merge…", "1 waits"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("keep=auth0%7C1&#38;move=auth0%7C2"), "{page}");
    for fields in ["note=", "note=%20", &format!("note={}", "x".repeat(501))] {
        assert_eq!(office.settle(&page, fields).0, StatusCode::BAD_REQUEST, "{fields}");
    }
    let settled = office.settle(&page, "note=of+ada%40corp.com");
    assert_eq!(settled, (StatusCode::SEE_OTHER, "/console/conflicts?done=settled".to_owned()));
    assert_eq!(office.settle(&page, "note=again").0, StatusCode::CONFLICT);
    assert!(office.page("/console/conflicts?done=settled").contains("The conflict was settled."));
    let page = office.page("/console/conflicts?settled=yes");
    assert!(page.contains("by local: of a…@corp.com"), "{page}");
    assert!(!page.contains("<form method=\"post\" action=\"/console/conflicts"), "{page}");
    assert!(office.directory.get("auth0|1").unwrap().user.app_metadata.is_none(), "no mark was wanted");
    // It happens again, and waits again.
    office.keep_conflict();
    assert!(office.page("/console/conflicts").contains("2 times"));
}

#[test]
fn accounts_of_different_persons_are_marked_as_separated() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    assert_eq!(office.settle(&page, "note=two+people&separate=yes").0, StatusCode::SEE_OTHER);
    for (id, from) in [("auth0|1", "auth0|2"), ("auth0|2", "auth0|1")] {
        let user = office.directory.get(id).unwrap().user;
        let marks = &user.app_metadata.as_ref().unwrap()["linking"]["unlinked"];
        assert_eq!(marks[0]["from"], from);
        assert_eq!(marks[0]["by"], "operator");
        assert_eq!(marks[0]["at"], office.ambient.now().as_millis());
    }
    let query = ConflictQuery { settled: true, after: None, limit: 1 };
    assert_eq!(office.directory.conflicts(&query).unwrap()[0].settled.as_ref().unwrap().note, "two people");
}

#[test]
fn a_conflict_is_settled_although_an_account_is_gone() {
    let office = Office::open();
    office.keep_conflict();
    assert!(office.directory.delete("auth0|2").unwrap());
    let page = office.page("/console/conflicts");
    assert!(page.contains("This account is gone") && !page.contains("Merge…"), "{page}");
    assert_eq!(office.settle(&page, "note=gone&separate=yes").0, StatusCode::SEE_OTHER);
}

#[test]
fn a_form_of_a_conflict_needs_its_token_and_its_origin() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    let forged = page.replace("name=\"form\" value=\"", "name=\"form\" value=\"x");
    assert_eq!(office.settle(&forged, "note=x").0, StatusCode::BAD_REQUEST);
    let action = page.split_once("<form method=\"post\" action=\"").unwrap().1.split_once('"').unwrap().0;
    let foreign = Request::post(action).header("host", "localhost:4480").header("origin", "http://evil.test");
    assert_eq!(office.send(foreign.body(Body::from("note=x")).unwrap()).0, StatusCode::FORBIDDEN);
    for unknown in ["/console/conflicts/x/settle", "/console/conflicts?after=x"] {
        let (status, _) = office.get(unknown);
        assert!(status.is_client_error(), "{unknown}: {status}");
    }
    assert_eq!(office.directory.count_open_conflicts().unwrap(), 1);
}

#[test]
fn foreign_text_of_decisions_is_text() {
    let office = Office::open();
    let deny = Decision::Deny { message: SCRIPT.to_owned() };
    let id = office.keep(deny, (SCRIPT, Level::Conflict), SCRIPT);
    for path in [
        "/console".to_owned(),
        "/console/decisions".to_owned(),
        format!("/console/decisions/{id}"),
        "/console/conflicts".to_owned(),
        "/console/live".to_owned(),
    ] {
        let page = office.page(&path);
        assert!(
            !page.contains("<img") && !page.contains('\u{202e}') && !page.contains('\r'),
            "{path}: {page}"
        );
        let scripts = page.matches("<script").count();
        assert_eq!(scripts, usize::from(path == "/console/live"), "{path}: {page}");
    }
}

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

#[test]
fn a_time_outside_of_the_calendar_is_no_fault() {
    let office = Office::open();
    let far = Timestamp::from_millis(0).unwrap();
    office.clock.set(far);
    office.keep_conflict();
    office.page("/console");
}
