//! A hook with a console, the issuer at which its operators log in, and an operator at a browser.

use ligature_test_servers::reserve_port;
use serde_json::json;

use crate::http::{Browser, Request, Response, state_of};
use crate::scene::PASSWORD;
use crate::service::{Place, SECRET, Service, program};
use crate::serving::Tenant;

pub(super) const ADA: &str = "ada.lovelace@example.com";
pub(super) const GRACE: &str = "grace@example.com";
pub(super) const STRANGER: &str = "stranger@example.com";
/// An address of an operator that nobody has verified, of another account.
pub(super) const PRETENDER: &str = "boss@example.com";
/// The cookie of a session.
pub(super) const SESSION: &str = "ligature-console";
pub(super) const ATTEMPT: &str = "ligature-console-login";

/// The application of the console, and more accounts of its issuer.
const MORE: &str = r#"
[[clients]]
client_id = "console"
name = "Console"
client_secret = "the-secret-of-the-console"
callbacks = ["{hook}/console/callback"]
grant_types = ["authorization_code"]

[[users]]
user_id = "auth0|grace"
connection = "Username-Password-Authentication"
email = "grace@example.com"
email_verified = false
password = "correct horse battery"

[[users]]
user_id = "auth0|pretender"
connection = "Username-Password-Authentication"
email = "boss@example.com"
email_verified = false
password = "correct horse battery"
"#;

/// A hook with a console, and the issuer of its operators: Ada is one by address, Grace by id.
pub(super) struct Office {
    pub(super) service: Service,
    pub(super) issuer: Tenant,
    pub(super) place: Place,
    pub(super) public_url: String,
}

impl Office {
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let directory = format!("sqlite:{}", folder.path().join("users.db").display());
        let place = Place { folder, directory };
        place.write("policy.json", json!({ "mode": "auto" }).to_string());
        place.write("secret", SECRET);
        place.write("operators.txt", "# Who helps users.\n\nada.lovelace@example.com\nboss@example.com\n");
        // The issuer allows the callback before the hook listens there.
        let port = reserve_port();
        let public_url = format!("http://127.0.0.1:{port}");
        let config = [include_str!("../tenant.toml"), MORE].concat().replace("{hook}", &public_url);
        let issuer = Tenant::start(&place.file("issuer"), &config, &[]);
        place.write("users.ndjson", USERS);
        let imported = place.ligature(&["users", "import", "users.ndjson"]);
        assert!(imported.status.success(), "{imported:?}");
        let service = start_hook(&place, &issuer.http, port);
        Self { service, issuer, place, public_url }
    }

    pub(super) fn desk(&self) -> Desk<'_> {
        Desk { office: self, console: Browser::at(&self.public_url), issuer: Browser::at(&self.issuer.http) }
    }

    /// The audit lines of the log that have this text.
    pub(super) fn audited(&self, text: &str) -> String {
        let log = self.service.log_with(text);
        log.lines().filter(|line| line.contains(text)).map(|line| format!("{line}\n")).collect()
    }
}

/// The users of the directory.
const USERS: &str = r#"{"user_id":"auth0|1","email":"eve@corp.com","email_verified":true,"identities":[{"provider":"auth0","user_id":"1","connection":"Username-Password-Authentication","isSocial":false}]}
{"user_id":"google-oauth2|2","email":"eve@corp.com","email_verified":true,"identities":[{"provider":"google-oauth2","user_id":"2","connection":"google-oauth2","isSocial":true}]}
"#;

/// Starts a hook whose operators log in at this issuer.
pub(super) fn start_hook(place: &Place, issuer: &str, port: u16) -> Service {
    let mut command = program();
    let (listen, public_url) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    command.args(["hook", "--listen", &listen, "--directory", &place.directory, "--log-format", "json"]);
    command.args(["--policy", "policy.json", "--secret-file", "secret"]);
    command.args(["--console-url", &public_url, "--console-issuer", issuer]);
    command.args(["--console-operators", "operators.txt", "--console-operator", "auth0|grace"]);
    command.env("LIGATURE_CONSOLE_CLIENT_ID", "console");
    command.env("LIGATURE_CONSOLE_CLIENT_SECRET", "the-secret-of-the-console");
    command.current_dir(place.folder.path());
    Service::spawn(command, place.folder.path())
}

/// An operator at a browser.
pub(super) struct Desk<'a> {
    office: &'a Office,
    pub(super) console: Browser,
    pub(super) issuer: Browser,
}

impl Desk<'_> {
    pub(super) fn get(&mut self, target: &str) -> Response {
        self.console.get(target)
    }

    /// The page at this address, which is there.
    pub(super) fn page(&mut self, target: &str) -> String {
        let page = self.get(target);
        assert_eq!(page.status, 200, "{target}: {:?} {}", page.header("location"), page.text());
        page.text()
    }

    /// Opens a page without a session; the address of the issuer to which it leads.
    pub(super) fn begin(&mut self, target: &str) -> String {
        let sent = self.get(target);
        assert_eq!(sent.status, 303, "{}", sent.text());
        assert!(sent.location().starts_with("/console/log-in?to="), "{}", sent.location());
        let sent = self.get(&sent.location());
        assert_eq!(sent.status, 303, "{}", sent.text());
        sent.location()
    }

    /// Logs in at the issuer; the address of the callback.
    pub(super) fn log_in_at_issuer(&mut self, url: &str, email: &str) -> String {
        let login = self.issuer.get(url);
        if login.location().starts_with(&self.office.public_url) {
            return login.location();
        }
        let state = state_of(&login);
        let fields = [
            ("state", state.as_str()),
            ("connection", "Username-Password-Authentication"),
            ("username", email),
            ("password", PASSWORD),
        ];
        self.issuer.submit("/u/login", &fields).location()
    }

    /// Logs in, on the way to this page; the response to the callback.
    pub(super) fn log_in(&mut self, target: &str, email: &str) -> Response {
        let url = self.begin(target);
        let callback = self.log_in_at_issuer(&url, email);
        self.get(&callback)
    }

    pub(super) fn logged_in(mut self, email: &str) -> Self {
        let end = self.log_in("/console", email);
        assert_eq!((end.status, end.location().as_str()), (303, "/console"), "{}", end.text());
        self
    }

    /// Sends the form of a page that has this action, with these fields beside its own.
    pub(super) fn submit(&mut self, page: &str, action: &str, more: &[(&str, &str)]) -> Response {
        let hidden = hidden_fields(page, action);
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
        fields.extend(more);
        self.console.submit(action, &fields)
    }

    /// Sends a form with other headers than a browser would send.
    pub(super) fn send(&mut self, request: Request) -> Response {
        self.console.send(request)
    }
}

/// The hidden fields of a page's form with this action.
pub(super) fn hidden_fields(page: &str, action: &str) -> Vec<(String, String)> {
    let form = page
        .split("<form ")
        .skip(1)
        .map(|form| form.split("</form>").next().unwrap_or_default())
        .find(|form| form.starts_with(&format!("method=\"post\" action=\"{action}\"")))
        .unwrap_or_else(|| panic!("no form to {action}: {page}"));
    let attribute = |input: &str, name: &str| {
        let value = input.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
        value.map(|(value, _)| value.to_owned()).unwrap_or_default()
    };
    form.split("<input type=\"hidden\"")
        .skip(1)
        .map(|input| (attribute(input, "name"), attribute(input, "value")))
        .collect()
}
