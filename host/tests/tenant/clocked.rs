//! A tenant that runs in this process, by a clock that the test moves.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use ligature_host::ambient::Ambient;
use ligature_host::clock::ManualClock;
use ligature_host::policies::{PolicyEntry, Source};
use ligature_host::random::SeededRandom;
use ligature_host::recording::LoginRecorder;
use ligature_host::sandbox::{Options, Wasi};
use ligature_host::service::{EarlyEnd, MissingLines};
use ligature_host::tenant::{Config, Opening, Ports, StateDir, TenantDirectory, serve};
use tempfile::TempDir;

use crate::http::{Browser, Request, Response, send};
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
        let clock = Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().expect("a time")));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let config = Config::parse(&format!("{CONFIG}{more}")).expect("a configuration");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = StateDir::open(folder.path()).expect("a state folder");
        let cache = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("clocked"));
        let (ready, is_ready) = channel();
        std::thread::spawn(move || {
            let options = Options { cache, optimise: false, ..Options::default() };
            let entry = PolicyEntry::from_flags(None, Wasi::Minimal, None);
            let opening = Opening {
                config,
                directory: TenantDirectory::Memory,
                sources: vec![Source::new(entry, &options, &ambient).expect("a sandbox")],
                state: &state,
                more_routes: None,
                recorder: LoginRecorder::off(),
                decisions: None,
                ports: Ports { http: 0, https: 0 },
                rotate_key: false,
                missing_lines: MissingLines::default(),
                early_end: EarlyEnd::listen(),
                ambient,
            };
            serve(opening, |it| ready.send(it.http.clone()).expect("the test waits")).expect("it serves");
        });
        let http = is_ready.recv_timeout(Duration::from_mins(2)).expect("the tenant is ready");
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
