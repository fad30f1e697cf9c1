//! A hook with a confirmation, a local tenant of its users, and the browsers between them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ligature_test_servers::reserve_port;
use serde_json::{Value, json};

use crate::http::{Browser, Request, Response, encoded, send, state_of};
use crate::service::{OLD_SECRET, Place, SECRET, Service, now, program, signed_to};
use crate::serving::Tenant;

pub(crate) const POST_LOGIN: &str = "/v1/auth0/post-login";
pub(crate) const CONTINUE: &str = "/v1/auth0/continue";
pub(crate) const EMAIL: &str = "ada.lovelace@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const DATABASE: &str = "auth0|the-database-account";
pub(crate) const STRANGER: &str = "auth0|another-database-account";
pub(crate) const TRANSACTION: &str = "hKFo2SB-transaction";
/// The browser of the example's event.
pub(crate) const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0";

/// A hook with a confirmation, the tenant of its users, and the user's browser.
pub(crate) struct Scene {
    pub(crate) service: Service,
    pub(crate) tenant: Tenant,
    pub(crate) place: Place,
    pub(crate) public_url: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with_policy(&json!({ "mode": "suggest" }))
    }

    pub(crate) fn with_policy(policy: &Value) -> Self {
        Self::with_options(policy, &[])
    }

    pub(crate) fn with_options(policy: &Value, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let directory = format!("sqlite:{}", folder.path().join("users.db").display());
        let place = Place { folder, directory };
        place.write("policy.json", policy.to_string());
        place.write("secret", SECRET);
        place.write("old", OLD_SECRET);
        place.write("off.json", json!({ "mode": "off" }).to_string());
        // The tenant allows the callback before the hook listens there.
        let port = reserve_port();
        let public_url = format!("http://127.0.0.1:{port}");
        let config = include_str!("tenant.toml").replace("{hook}", &public_url);
        let off = place.file("off.json");
        let options = ["--directory", &place.directory, "--policy", off.to_str().expect("UTF-8")];
        let tenant = Tenant::start(&place.file("tenant"), &config, &options);
        let service = start_hook(&place, &tenant, &format!("127.0.0.1:{port}"), &public_url, more);
        Self { service, tenant, place, public_url }
    }

    /// Asks about a login for which the Action can redirect.
    pub(crate) fn ask(&self, event: &Value) -> Value {
        self.ask_with(event, SECRET)
    }

    pub(crate) fn ask_with(&self, event: &Value, secret: &str) -> Value {
        let body = json!({ "event": event, "can_redirect": true, "nonce": nonce() });
        self.send_signed(POST_LOGIN, &body, secret)
    }

    /// Asks about the same login after the user has come back.
    pub(crate) fn resume(&self, event: &Value, answer: Option<&str>) -> Value {
        let body = json!({ "event": event, "answer": answer, "nonce": nonce() });
        self.send_signed(CONTINUE, &body, SECRET)
    }

    pub(crate) fn send_signed(&self, path: &str, body: &Value, secret: &str) -> Value {
        let response = self.service.send(&signed_to(path, body.to_string(), secret, now()));
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    pub(crate) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            scene: self,
            hook: Browser::at(&self.public_url),
            tenant: Browser::at(&self.tenant.http),
            user_agent: USER_AGENT.to_owned(),
        }
    }

    /// Changes a user of the tenant by its Management API.
    pub(crate) fn patch(&self, user_id: &str, change: &Value) {
        let token = send(
            &self.tenant.http,
            &Request::post("/oauth/token").json(&json!({
                "grant_type": "client_credentials", "client_id": "management", "client_secret": "management-secret",
                "audience": format!("{}api/v2/", self.tenant.http),
            })),
        );
        let token = token.json()["access_token"].as_str().expect("a token").to_owned();
        let target = format!("/api/v2/users/{}", user_id.replace('|', "%7C"));
        let mut request = Request::new("PATCH", target).bearer(&token).json(change);
        request.method = "PATCH".to_owned();
        let changed = send(&self.tenant.http, &request);
        assert_eq!(changed.status, 200, "{}", changed.text());
    }

    /// The id of the last link in the journal.
    pub(crate) fn link_id(&self) -> String {
        let listed = String::from_utf8(self.place.ligature(&["journal", "list"]).stdout).expect("UTF-8");
        listed.split_whitespace().next().expect("a link").to_owned()
    }

    pub(crate) fn identities(&self, user_id: &str) -> usize {
        self.place.json(&["users", "show", user_id])["identities"].as_array().map_or(0, Vec::len)
    }

    /// The answer of a user who logs in to the database account.
    pub(crate) fn confirmed(&self, event: &Value) -> String {
        let asked = self.ask(event);
        self.visitor().confirm(&asked)
    }
}

pub(crate) fn start_hook(
    place: &Place,
    tenant: &Tenant,
    listen: &str,
    public_url: &str,
    more: &[&str],
) -> Service {
    let mut command = program();
    let domain = tenant.http.trim_start_matches("http://").trim_end_matches('/');
    let (secret, policy) = (place.file("secret"), place.file("policy.json"));
    command.args(["hook", "--listen", listen, "--confirm-url", public_url]);
    if !more.contains(&"--directory") {
        command.args(["--directory", &place.directory]);
    }
    command.env("LIGATURE_AUTH0_CLIENT_ID", "management");
    command.env("LIGATURE_AUTH0_CLIENT_SECRET", "management-secret");
    command.args(["--confirm-tenant", domain, "--policy"]).arg(policy).arg("--secret-file").arg(secret);
    command.env("LIGATURE_CONFIRM_CLIENT_ID", "confirm");
    command.env("LIGATURE_CONFIRM_CLIENT_SECRET", "the-secret-of-the-confirmation");
    command.args(more).current_dir(place.folder.path());
    Service::spawn(command, place.folder.path())
}

pub(crate) fn nonce() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

/// A person with one browser.
pub(crate) struct Visitor<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) hook: Browser,
    pub(crate) tenant: Browser,
    pub(crate) user_agent: String,
}

impl Visitor<'_> {
    /// Follows the redirect of an answer to the page.
    pub(crate) fn open(&mut self, asked: &Value) -> Response {
        assert_eq!(asked["action"], "redirect", "{asked}");
        let url = asked["url"].as_str().expect("a URL");
        assert_eq!(url, format!("{}/v1/confirm", self.scene.public_url));
        self.open_token(asked["token"].as_str().expect("a token"), TRANSACTION)
    }

    pub(crate) fn open_token(&mut self, token: &str, transaction: &str) -> Response {
        let query = encoded(&[("token", token), ("state", transaction)]);
        self.get_hook(&format!("/v1/confirm?{query}"))
    }

    pub(crate) fn get_hook(&mut self, target: &str) -> Response {
        let target = target.strip_prefix(&self.scene.public_url).unwrap_or(target).to_owned();
        self.hook.send(Request::get(target).header("user-agent", &*self.user_agent))
    }

    /// Sends the form of the page with this path.
    pub(crate) fn submit(&mut self, path: &str, page: &Response) -> Response {
        let name = field(page, "page");
        self.hook.submit(path, &[("page", &name)])
    }

    /// Logs in at the tenant, and returns the page of the hook to which it leads.
    pub(crate) fn log_in(&mut self, page: &Response, email: &str) -> Response {
        let sent = self.submit("/v1/confirm/login", page);
        assert_eq!(sent.status, 303, "{}", sent.text());
        let callback = self.log_in_at(&sent.location(), email);
        self.get_hook(&callback)
    }

    /// Logs in by this URL of the tenant, and returns the callback to which it leads.
    pub(crate) fn log_in_at(&mut self, url: &str, email: &str) -> String {
        let login = self.tenant.get(url);
        let state = state_of(&login);
        let fields = [
            ("state", state.as_str()),
            ("connection", "Username-Password-Authentication"),
            ("username", email),
            ("password", PASSWORD),
        ];
        self.tenant.submit("/u/login", &fields).location()
    }

    /// Confirms the database account, and returns the sealed answer.
    pub(crate) fn confirm(&mut self, asked: &Value) -> String {
        let page = self.open(asked);
        assert_eq!(page.status, 200, "{}", page.text());
        answer_of(&self.log_in(&page, EMAIL), TRANSACTION)
    }
}

/// The value of a hidden field of a page.
pub(crate) fn field(page: &Response, name: &str) -> String {
    let text = page.text();
    let start = format!("name=\"{name}\" value=\"");
    let value = text.split_once(&start).and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value);
    value.unwrap_or_else(|| panic!("no field {name} in {text}")).to_owned()
}

/// The sealed answer that a page sends back to this transaction, as the Action reads it.
pub(crate) fn answer_of(page: &Response, transaction: &str) -> String {
    assert_eq!(page.status, 200, "{}", page.text());
    let claims = claims_of(&field(page, "ligature_token"));
    assert_eq!(claims["state"], transaction);
    claims["answer"].as_str().expect("an answer").to_owned()
}

pub(crate) fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON")
}
