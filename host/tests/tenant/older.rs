//! Requests of auth0-js 6 to 8, Lock 9 and 10 and LockPasswordless, under the
//! switch for older applications and without it.

mod pages;
mod passwords;
mod switch;

use std::sync::Arc;

use serde_json::Value;

use crate::http::{Request, Response};
use crate::tenants::{CALLBACK, CONFIG, DATABASE, PASSWORD, Tenant, database_user, shared, text};

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [passwords::TESTS, pages::TESTS, switch::TESTS].concat()
}

const ORIGIN: &str = "http://localhost:3000";
const SWITCH: &str = "it needs `legacy = true` (or `legacy_id_tokens = true`) in tenant.toml";

fn config(switch: &str) -> String {
    let users = ["ada", "bob", "cem"].map(|id| database_user(id, &format!("{id}@example.com"))).concat();
    let with = CONFIG.replacen("name = \"tenant\"", &format!("name = \"tenant\"\n{switch}"), 1);
    let pages = "\n[[clients]]\nclient_id = \"pages\"\ncallbacks = [\"http://localhost:3003/callback\", \"com.example.app://callback\"]\n";
    let machine = "\n[[clients]]\nclient_id = \"machine\"\nclient_secret = \"the secret of the machine\"\n\
         grant_types = [\"client_credentials\"]\norigins = [\"http://localhost:3000\"]\n";
    let more = "\n[[connections]]\nname = \"sms\"\nstrategy = \"sms\"\n\
         \n[[apis]]\nidentifier = \"https://api.example.com/\"\nscopes = [\"read:things\"]\n";
    with + pages
        + machine
        + more
        + &users
        + "[users.user_metadata]\ntheme = \"dark\"\n[users.app_metadata]\nplan = \"pro\"\n"
}

fn tenant() -> Arc<Tenant> {
    shared("older", || Tenant::configured(&config("legacy = true"), &[]))
}

fn without() -> Arc<Tenant> {
    shared("older, off", || Tenant::configured(&config(""), &[]))
}

/// Returns the request in the forms of auth0-js 6 (reqwest) and auth0-js 8 (superagent).
fn both(target: &str, fields: &[(&str, &str)]) -> [Request; 2] {
    let body: serde_json::Map<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    [Request::post(target).form(fields), Request::post(target).json(&Value::Object(body))]
        .map(|request| request.header("origin", ORIGIN))
}

fn owner_password<'a>(username: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("client_id", "spa"),
        ("connection", DATABASE),
        ("username", username),
        ("password", password),
        ("grant_type", "password"),
        ("scope", "openid email"),
        ("response_type", "token"),
        ("sso", "false"),
    ]
}

/// The code that was sent to an address or a number.
fn code(tenant: &Tenant, to: &str) -> String {
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let all = outbox.as_array().expect("a list");
    text(&all.iter().find(|it| it["to"] == to).expect("it was sent")["code"])
}

/// The error by either of its names.
fn refused(response: &Response) -> (u16, String, String) {
    let body = response.json();
    assert_eq!((&body["error"], &body["error_description"]), (&body["code"], &body["description"]));
    (response.status, text(&body["error"]), text(&body["error_description"]))
}

fn own_login(client: &str) -> Vec<(&str, &str)> {
    vec![
        ("client_id", client),
        ("connection", DATABASE),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
        ("redirect_uri", CALLBACK),
        ("response_type", "token"),
        ("scope", "openid"),
        ("state", "the state"),
        ("tenant", "localhost:4480"),
    ]
}

/// auth0-js 6 sends a form.
fn start_with_a_link(tenant: &Tenant, to: &str) -> Response {
    let start = [
        ("client_id", "spa"),
        ("connection", "email"),
        ("email", to),
        ("send", "link"),
        ("authParams[redirect_uri]", CALLBACK),
        ("authParams[response_type]", "token"),
        ("authParams[scope]", "openid"),
        ("authParams[state]", "within"),
    ];
    tenant.send(&Request::post("/passwordless/start").form(&start).header("origin", ORIGIN))
}
