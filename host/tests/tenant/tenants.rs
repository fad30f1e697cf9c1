//! Tenants for the tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Browser, Request, Response, encoded, send, state_of};
use crate::serving;

pub(crate) const CONFIG: &str = include_str!("tenant.toml");
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const CALLBACK: &str = "http://localhost:3000/callback";
pub(crate) const DATABASE: &str = "Username-Password-Authentication";
pub(crate) const REALM_GRANT: &str = "http://auth0.com/oauth/grant-type/password-realm";
/// A PKCE verifier and its challenge (RFC 7636, appendix B).
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A tenant in a folder of its own.
pub(crate) struct Tenant {
    pub(crate) running: serving::Tenant,
    _folder: Option<TempDir>,
}

static SHARED: Mutex<BTreeMap<&str, Arc<Tenant>>> = Mutex::new(BTreeMap::new());

/// A tenant that all tests share that ask for the same name.
pub(crate) fn shared(name: &'static str, start: impl FnOnce() -> Tenant) -> Arc<Tenant> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.entry(name).or_insert_with(|| Arc::new(start())).clone()
}

pub(crate) fn stop_shared() {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// A user of the database, in `tenant.toml`.
pub(crate) fn database_user(id: &str, email: &str) -> String {
    user(&format!("auth0|{id}"), email, DATABASE) + &format!("password = {PASSWORD:?}\n")
}

/// Returns a user of `tenant.toml` that has logged in before: the policy is stricter with accounts
/// that were never used.
pub(crate) fn user(user_id: &str, email: &str, connection: &str) -> String {
    format!(
        "\n[[users]]\nuser_id = {user_id:?}\nemail = {email:?}\nemail_verified = true\n\
         created_at = \"2024-01-01T00:00:00.000Z\"\n\
         last_login = \"2026-01-01T00:00:00.000Z\"\nlogins_count = 1\nconnection = {connection:?}\n"
    )
}

impl Tenant {
    /// Starts a tenant with the usual configuration, followed by `more`.
    pub(crate) fn with(more: &str) -> Self {
        Self::started(more, &[])
    }

    pub(crate) fn started(more: &str, args: &[&str]) -> Self {
        Self::configured(&format!("{CONFIG}{more}"), args)
    }

    pub(crate) fn configured(config: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let started = Self::within(folder.path(), config, args);
        Self { _folder: Some(folder), ..started }
    }

    /// Starts a tenant in a folder that the caller keeps.
    pub(crate) fn within(folder: &Path, config: &str, args: &[&str]) -> Self {
        let args = [&["--log-format", "json"], args].concat();
        Self { running: serving::Tenant::start(folder, config, &args), _folder: None }
    }

    /// Starts a tenant with these arguments, which also choose the format of the log.
    pub(crate) fn logging(config: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let running = serving::Tenant::start(folder.path(), config, args);
        Self { running, _folder: Some(folder) }
    }

    pub(crate) fn http(&self) -> &str {
        &self.running.http
    }

    /// The Management API's audience.
    pub(crate) fn audience(&self) -> String {
        format!("{}api/v2/", self.http())
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        send(self.http(), request)
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::at(self.http())
    }

    /// The log, one value a line.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.running.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The lines of the log that are of this kind.
    pub(crate) fn log_of(&self, target: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["target"] == target).collect()
    }

    /// The token endpoint.
    pub(crate) fn token(&self, client: &str, fields: &[(&str, &str)]) -> Response {
        let mut fields = fields.to_vec();
        fields.push(("client_id", client));
        fields.extend(secret_of(client).map(|secret| ("client_secret", secret)));
        self.send(&Request::post("/oauth/token").form(&fields))
    }

    /// A token of a client's own for the Management API.
    pub(crate) fn client_token(&self, client: &str) -> String {
        let fields = [("grant_type", "client_credentials"), ("audience", &self.audience())];
        text(&self.token(client, &fields).json()["access_token"])
    }

    /// The tokens of a user of the database.
    pub(crate) fn password_tokens(&self, client: &str, email: &str, scope: &str) -> Value {
        let fields = [
            ("grant_type", REALM_GRANT),
            ("realm", DATABASE),
            ("username", email),
            ("password", PASSWORD),
            ("audience", &self.audience()),
            ("scope", scope),
        ];
        self.token(client, &fields).json()
    }

    /// A user as the Management API has it.
    pub(crate) fn user(&self, user_id: &str) -> Response {
        let id: String = url::form_urlencoded::byte_serialize(user_id.as_bytes()).collect();
        self.send(&Request::get(format!("/api/v2/users/{id}")).bearer(&self.client_token("web")))
    }

    /// Asserts that the tenant still answers.
    pub(crate) fn assert_well(&self) {
        let response = self.send(&Request::get("/healthz"));
        assert_eq!((response.status, response.text().as_str()), (200, "ok\n"));
    }

    /// Returns the memory of the process in KiB. `None` if the system does not provide it.
    pub(crate) fn memory_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.running.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

pub(crate) fn secret_of(client: &str) -> Option<&'static str> {
    match client {
        "web" => Some("the secret of the web application"),
        "other" => Some("the secret of another application"),
        "administration" => Some("the secret of the administration"),
        "machine" => Some("the secret of the machine"),
        _ => None,
    }
}

/// The claims of a token.
pub(crate) fn claims(token: &Value) -> Value {
    let token = text(token);
    let claims = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("claims")
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// `/authorize` as the web application asks for it, with other parameters in
/// the place of its own; an empty one is left out.
pub(crate) fn authorize(with: &[(&str, &str)]) -> String {
    let usual = [
        ("client_id", "web"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email offline_access"),
        ("state", "the state"),
        ("nonce", "the nonce"),
    ];
    let mut fields: Vec<_> =
        usual.into_iter().filter(|(name, _)| !with.iter().any(|(other, _)| other == name)).collect();
    fields.extend(with.iter().filter(|(_, value)| !value.is_empty()));
    format!("/authorize?{}", encoded(&fields))
}

/// Opens a login page; its state.
pub(crate) fn open(browser: &mut Browser, with: &[(&str, &str)]) -> String {
    state_of(&browser.get(&authorize(with)))
}

/// Returns the fields of the login page's form for a password.
pub(crate) fn login_form<'a>(state: &'a str, username: &'a str) -> [(&'static str, &'a str); 4] {
    [("state", state), ("connection", DATABASE), ("username", username), ("password", PASSWORD)]
}

/// Logs in with a password.
pub(crate) fn by_password(browser: &mut Browser, email: &str, with: &[(&str, &str)]) -> Response {
    let state = open(browser, with);
    let fields = login_form(&state, email);
    browser.submit("/u/login", &fields)
}

/// Logs in at a stand-in provider, as the account that it offers.
pub(crate) fn by_google(browser: &mut Browser, account: &str, with: &[(&str, &str)]) -> Response {
    let state = open(browser, with);
    browser.submit("/u/stand-in", &[("state", &state), ("connection", "google-oauth2"), ("account", account)])
}

/// A code, given for tokens.
pub(crate) fn redeem(tenant: &Tenant, client: &str, code: &str) -> Response {
    tenant.token(client, &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)])
}

/// The body of a link by id.
pub(crate) fn by_id(provider: &str, user_id: &str) -> Value {
    json!({ "provider": provider, "user_id": user_id })
}
