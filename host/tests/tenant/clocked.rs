//! A tenant that runs in this process, by a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use ligature_host::clock::ManualClock;
use tempfile::TempDir;

use crate::http::{Browser, Request, Response, send};
use crate::in_process;
use crate::tenants::{CONFIG, login_form, open, secret_of, text};

pub(crate) struct Clocked {
    clock: Arc<ManualClock>,
    http: String,
    _folder: TempDir,
}

impl Clocked {
    /// Starts a tenant with the usual clients and connections and what `more` adds. It
    /// is ten o'clock, on the second. It ends with the process.
    pub(crate) fn start(more: &str) -> Self {
        let clock = in_process::clock_at_ten();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let http = in_process::start(&format!("{CONFIG}{more}"), folder.path(), None, &clock).http;
        Self { clock, http, _folder: folder }
    }

    /// Moves the clock on, by milliseconds.
    pub(crate) fn advance_ms(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }

    pub(crate) fn http(&self) -> &str {
        &self.http
    }

    pub(crate) fn audience(&self) -> String {
        format!("{}api/v2/", self.http)
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        send(&self.http, request)
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::at(&self.http)
    }

    /// The token endpoint, for the web application.
    pub(crate) fn token(&self, fields: &[(&str, &str)]) -> Response {
        self.token_of("web", fields)
    }

    fn token_of(&self, client: &str, fields: &[(&str, &str)]) -> Response {
        let own = [("client_id", client), ("client_secret", secret_of(client).expect("a secret"))];
        self.send(&Request::post("/oauth/token").form(&[fields, &own].concat()))
    }

    /// A token of the web application's own for the Management API.
    pub(crate) fn client_token(&self) -> String {
        self.client_token_of("web")
    }

    /// A token that may do everything with users.
    pub(crate) fn administration_token(&self) -> String {
        self.client_token_of("administration")
    }

    fn client_token_of(&self, client: &str) -> String {
        let fields = [("grant_type", "client_credentials"), ("audience", &self.audience())];
        let response = self.token_of(client, &fields);
        assert_eq!(response.status, 200, "{}", response.text());
        text(&response.json()["access_token"])
    }

    /// Logs Ada in with her password.
    pub(crate) fn by_password(&self, browser: &mut Browser) -> Response {
        let state = open(browser, &[]);
        self.submit_password(browser, &state)
    }

    /// Submits Ada's password to a login page that was opened.
    pub(crate) fn submit_password(&self, browser: &mut Browser, state: &str) -> Response {
        let fields = login_form(state, "ada@example.com");
        browser.submit("/u/login", &fields)
    }
}
