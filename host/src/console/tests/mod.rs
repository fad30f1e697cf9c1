//! The console on a directory in memory, with a clock that the tests move.

mod conflicts;
mod decisions;
mod hostile;
mod live;
#[cfg(feature = "hook")]
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::json;
use tower::ServiceExt;

use super::{ConsoleAccess, ConsoleParts};
use crate::ambient::Ambient;
use crate::clock::ManualClock;
use crate::directory::{Administration, DecisionId, KeptDecision, KeptDecisions, Memory};
use crate::model::{Decision, Level, Reason, RuleVerdict, User};
use crate::random::SeededRandom;

const SCRIPT: &str = "</script><img src=x onerror=alert(1)>\u{202e}\r\n";

/// A console, and the directory that it shows.
struct Office {
    directory: Arc<Memory>,
    ambient: Ambient,
    clock: Arc<ManualClock>,
    routes: Router,
    /// The origin of its pages.
    origin: &'static str,
    /// The cookie of an operator.
    cookie: Option<String>,
}

impl Office {
    /// A console without a login. Ada and her second account are two users.
    fn open() -> Self {
        Self::with_users(["auth0|1", "auth0|2"].map(|id| user(id, "Ada")))
    }

    fn with_users(users: impl IntoIterator<Item = User>) -> Self {
        let clock = Arc::new(ManualClock::starting_at("2026-11-27T10:00:00Z".parse().unwrap()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let directory = Arc::new(Memory::with_users(&ambient, users));
        let routes = Self::routes(&directory, ConsoleAccess::local(), &ambient);
        Self { directory, ambient, clock, routes, origin: "http://localhost:4480", cookie: None }
    }

    fn routes(directory: &Arc<Memory>, access: ConsoleAccess, ambient: &Ambient) -> Router {
        let directory: Arc<dyn Administration> = directory.clone();
        ConsoleParts { directory, access, ambient: ambient.clone() }.into_routes()
    }

    /// Keeps a decision with this reason, made now; its id.
    fn keep(&self, decision: Decision, reason: (&str, Level), detail: &str) -> String {
        let kept = self.make(decision, reason, detail);
        self.keep_all(std::slice::from_ref(&kept));
        kept.id.to_string()
    }

    fn keep_all(&self, kept: &[KeptDecision]) {
        self.directory.keep_decisions(kept).unwrap();
    }

    /// A decision with this reason, made now.
    fn make(&self, decision: Decision, (code, level): (&str, Level), detail: &str) -> KeptDecision {
        KeptDecision {
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
        }
    }

    fn keep_conflict(&self) {
        self.keep(Decision::Proceed, ("TWO_DATABASE_ACCOUNTS", Level::Conflict), "Two databases.");
    }

    /// A request of this operator's browser.
    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let host = self.origin.split_once("://").unwrap().1;
        let request = Request::builder().method(method).uri(path).header("host", host);
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
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

    /// The status of a response, which may have no end.
    fn status_of(&self, request: Request<Body>) -> StatusCode {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.routes.clone().oneshot(request)).unwrap().status()
    }

    fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(self.request("GET", path).body(Body::empty()).unwrap())
    }

    fn page(&self, path: &str) -> String {
        let (status, page) = self.get(path);
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        assert!(page.len() <= 30_000, "{path}: {}", page.len());
        page
    }

    /// Sends a form of the console's own pages.
    fn submit(&self, action: &str, fields: &str) -> (StatusCode, String) {
        let request = self
            .request("POST", action)
            .header("origin", self.origin)
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(fields.to_owned())).unwrap())
    }

    /// Sends the first form of a conflict on this page.
    fn settle(&self, page: &str, fields: &str) -> (StatusCode, String) {
        let (action, token) = &forms_of(page)[0];
        self.submit(action, &format!("form={token}&{fields}"))
    }
}

fn user(id: &str, name: &str) -> User {
    let (provider, own) = id.split_once('|').unwrap();
    let identity = json!({ "provider": provider, "user_id": own, "connection": "db", "isSocial": false });
    let user = json!({
        "user_id": id, "email": "ada@corp.com", "email_verified": true, "name": name, "identities": [identity],
    });
    serde_json::from_value(user).unwrap()
}

/// The forms of a page that settle conflicts: their actions and their tokens.
fn forms_of(page: &str) -> Vec<(String, String)> {
    let until = |text: &str| text.split_once('"').unwrap().0.to_owned();
    let forms = page.split("<form method=\"post\" action=\"").skip(1);
    let forms = forms.map(|form| (until(form), until(form.split_once("name=\"form\" value=\"").unwrap().1)));
    forms.filter(|(action, _)| action.starts_with("/console/conflicts/")).collect()
}
