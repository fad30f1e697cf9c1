//! Accounts stay their owner's, although another user signs up, links, guesses or keeps an
//! old token.

mod blocked;
mod bounds;
mod guesses;
mod imported;
mod messages;
mod other_process;
mod revoked;
mod second_tokens;
mod verification_mails;

use serde_json::{Value, json};

use crate::http::{Browser, Request, Response};
use crate::tenants::{CONFIG, DATABASE, PASSWORD, REALM_GRANT, Tenant, claims, text};

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [
        blocked::TESTS,
        bounds::TESTS,
        guesses::TESTS,
        imported::TESTS,
        messages::TESTS,
        other_process::TESTS,
        revoked::TESTS,
        second_tokens::TESTS,
        verification_mails::TESTS,
    ]
    .concat()
}

/// A client that may do everything to users.
const ADMINISTRATION: &str = "\n[[clients]]\nclient_id = \"administration\"\n\
     client_secret = \"the secret of the administration\"\ngrant_types = [\"client_credentials\"]\n\
     scopes = [\"create:user_tickets\", \"read:users\", \"create:users\", \"update:users\", \"delete:users\", \"read:sessions\", \
     \"delete:sessions\", \"read:refresh_tokens\", \"delete:refresh_tokens\"]\n";

fn tenant_with(users: &str, args: &[&str]) -> Tenant {
    Tenant::configured(&format!("{CONFIG}{users}{ADMINISTRATION}"), args)
}

fn administration(tenant: &Tenant, request: Request) -> Response {
    tenant.send(&request.bearer(&tenant.client_token("administration")))
}

fn path(user_id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(user_id.as_bytes()).collect();
    format!("/api/v2/users/{id}")
}

fn patch(tenant: &Tenant, user_id: &str, change: &Value) -> Response {
    administration(tenant, Request::new("PATCH", path(user_id)).json(change))
}

/// A login by password at the token endpoint.
fn log_in(tenant: &Tenant, login: &str, password: &str) -> Response {
    let fields = [
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", login),
        ("password", password),
        ("scope", "openid offline_access"),
    ];
    tenant.token("web", &fields)
}

pub(crate) fn subject_of(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.text());
    claims(&response.json()["id_token"])["sub"].clone()
}

fn sign_up(tenant: &Tenant, connection: &str, email: &str) -> Response {
    let account =
        json!({ "client_id": "web", "connection": connection, "email": email, "password": PASSWORD });
    tenant.send(&Request::post("/dbconnections/signup").json(&account))
}

/// The mails to an address, the newest first.
fn mails(tenant: &Tenant, address: &str) -> Vec<Value> {
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    outbox.as_array().expect("a list").iter().filter(|it| it["to"] == address).cloned().collect()
}

/// Asks for a new password and sets it by the mail. `None`: there was no mail.
fn reset(tenant: &Tenant, email: &str, password: &str) -> Option<Response> {
    let asked = json!({ "client_id": "web", "connection": DATABASE, "email": email });
    assert_eq!(tenant.send(&Request::post("/dbconnections/change_password").json(&asked)).status, 200);
    let mail = mails(tenant, email).into_iter().find(|it| it["kind"] == "reset")?;
    let ticket = text(&mail["link"]).split("ticket=").nth(1).expect("a ticket").to_owned();
    Some(tenant.send(&Request::post("/u/reset").form(&[("ticket", &ticket), ("password", password)])))
}

/// The response to a refresh token.
pub(crate) fn refreshed(tenant: &Tenant, token: &Value) -> Response {
    tenant.token("web", &[("grant_type", "refresh_token"), ("refresh_token", &text(token))])
}

/// Asks for a silent login, and returns its result.
pub(crate) fn silent(browser: &mut Browser) -> String {
    let answer = browser.get(&crate::tenants::authorize(&[("prompt", "none")])).answer();
    answer.get("error").cloned().unwrap_or_else(|| "logged in".to_owned())
}
