//! Requests with missing parameters or an invalid hint. None of them is a login.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{google, id_token, request, users};
use crate::http::{Browser, Request};
use crate::tenants::{CALLBACK, DATABASE, PASSWORD, REALM_GRANT, Tenant, shared, text};
use crate::tokens::{Forger, id_claims, now, with};

crate::tests![
    a_request_without_what_it_needs,
    a_hint_that_is_no_id_token_of_this_client,
    a_hint_that_has_expired,
    a_login_without_a_page,
    the_scopes_at_the_token_endpoint,
    the_audience_of_auth0s_action,
    a_request_by_post,
];

fn tenant() -> Arc<Tenant> {
    shared("linking", || Tenant::with(&(users(&["ada"]) + &google("7", "lovelace@example.com"))))
}

/// The owner is logged in, so that nothing but the request is wrong.
fn owner(tenant: &Tenant) -> (Browser, String) {
    let mut browser = tenant.browser();
    let hint = id_token(tenant, &mut browser, "ada@example.com");
    (browser, hint)
}

/// The error, and what it says.
fn refused(browser: &mut Browser, target: &str) -> (String, String) {
    let response = browser.get(target);
    assert!(
        response.location().starts_with(CALLBACK),
        "the application gets the result: {}",
        response.location()
    );
    let answer = response.answer();
    assert!(!answer.contains_key("code") && !answer.contains_key("id_token"), "{answer:?}");
    assert_eq!(answer["state"], "the state");
    (answer["error"].clone(), answer["error_description"].clone())
}

fn is_logged(tenant: &Tenant, why: &str) -> bool {
    let is_it = |line: &Value| {
        line["message"] == "a link that an application asked for was refused"
            && line["client"] == "web"
            && line["why"] == why
    };
    tenant.log_of("audit").iter().any(is_it)
}

fn a_request_without_what_it_needs() {
    let tenant = tenant();
    let (mut browser, hint) = owner(&tenant);
    for (scope, with, words) in [
        ("openid link_account", [("id_token_hint", "")], "id_token_hint: required with scope link_account"),
        ("unlink_account", [("id_token_hint", "")], "id_token_hint: required with scope unlink_account"),
        (
            "link_account",
            [("requested_connection", "")],
            "requested_connection: required with scope link_account",
        ),
        (
            "openid unlink_account",
            [("requested_connection", "")],
            "requested_connection: required with scope unlink_account",
        ),
        (
            "link_account",
            [("requested_connection", "facebook")],
            "requested_connection: the connection facebook was not found",
        ),
        (
            "link_account unlink_account",
            [("nonce", "x")],
            "scope: expected link_account or unlink_account, not both",
        ),
    ] {
        let target = request(scope, &hint, "google-oauth2", &with);
        let (error, description) = refused(&mut browser, &target);
        assert_eq!((error.as_str(), description.as_str()), ("invalid_request", words));
        assert!(is_logged(&tenant, words), "{words}");
    }
    // Other scopes are not these.
    for scope in ["openid LINK_ACCOUNT", "openid link_accounts", "openid xlink_account"] {
        let answer = browser.get(&request(scope, "", "", &[])).answer();
        assert!(answer.contains_key("code"), "{scope}: {answer:?}");
    }
}

fn a_hint_that_is_no_id_token_of_this_client() {
    let tenant = tenant();
    let (mut browser, hint) = owner(&tenant);
    let forger = Forger::of(&tenant);
    let good = id_claims(&tenant, "auth0|ada");
    let at_another_name = with(good.clone(), "iss", tenant.http().replace("localhost", "127.0.0.1"));
    let access = with(with(good.clone(), "azp", "web"), "scope", "openid");
    for (name, hint, words) in [
        ("no token", "x".to_owned(), "id_token_hint: it is not a token"),
        (
            "a signature of nobody",
            format!("{}AAAA", &hint[..hint.len() - 4]),
            "id_token_hint: its signature is not this tenant's",
        ),
        (
            "another key",
            Forger::foreign(&forger.kid).sign(&good),
            "id_token_hint: its signature is not this tenant's",
        ),
        (
            "another client's",
            forger.sign(&with(good.clone(), "aud", "spa")),
            "id_token_hint: it was issued to another client",
        ),
        (
            "several clients'",
            forger.sign(&with(good.clone(), "aud", json!(["web", "spa"]))),
            "id_token_hint: it was issued to another client",
        ),
        ("another name's", forger.sign(&at_another_name), "id_token_hint: it is of another issuer"),
        (
            "another tenant's",
            forger.sign(&with(good.clone(), "iss", "https://evil.example.com/")),
            "id_token_hint: its issuer is another tenant",
        ),
        ("an access token", forger.sign(&access), "id_token_hint: it is not an ID token"),
        ("nobody's", forger.sign(&with(good.clone(), "sub", Value::Null)), "id_token_hint: it names no user"),
        (
            "one of the future",
            forger.sign(&with(good.clone(), "iat", now() + 3600)),
            "id_token_hint: it is not valid yet",
        ),
    ] {
        for scope in ["openid link_account", "openid unlink_account"] {
            let target = request(scope, &hint, "google-oauth2", &[]);
            let (error, description) = refused(&mut browser, &target);
            assert_eq!((error.as_str(), description.as_str()), ("invalid_request", words), "{name}");
        }
        assert!(is_logged(&tenant, words), "{name}");
    }
    assert!(!tenant.running.log().contains(&hint), "a token in the log");
}

fn a_hint_that_has_expired() {
    let tenant = tenant();
    let (mut browser, _) = owner(&tenant);
    let expired = with(id_claims(&tenant, "auth0|ada"), "exp", now() - 60);
    let hint = Forger::of(&tenant).sign(&expired);
    let (error, description) = refused(&mut browser, &request("link_account", &hint, "google-oauth2", &[]));
    let words = "id_token_hint: it has expired; log in again";
    assert_eq!((error.as_str(), description.as_str()), ("login_required", words));
    assert!(is_logged(&tenant, words));
}

fn a_login_without_a_page() {
    let tenant = tenant();
    let (mut browser, hint) = owner(&tenant);
    for scope in ["openid link_account", "openid unlink_account"] {
        for mode in ["query", "web_message"] {
            let with = [("prompt", "none"), ("response_mode", mode)];
            let response = browser.get(&request(scope, &hint, "google-oauth2", &with));
            if mode == "web_message" {
                assert!(response.text().contains("login_required"), "{}", response.text());
            } else {
                assert_eq!(response.answer()["error"], "login_required");
            }
        }
        let ticket = json!({
            "client_id": "web", "username": "ada@example.com", "password": PASSWORD, "realm": DATABASE,
            "credential_type": REALM_GRANT,
        });
        let authenticate = Request::post("/co/authenticate").json(&ticket);
        let ticket = tenant.send(&authenticate.header("origin", "http://localhost:3000")).json();
        let ticket = text(&ticket["login_ticket"]);
        let target = request(scope, &hint, "google-oauth2", &[("login_ticket", &ticket)]);
        assert_eq!(refused(&mut browser, &target).0, "invalid_request");
    }
    // A mailed link logs in without a page, too.
    let start = json!({
        "client_id": "web", "connection": "email", "email": "mailbox@example.com", "send": "link",
        "client_secret": "the secret of the web application",
        "authParams": { "scope": "openid link_account", "id_token_hint": hint, "requested_connection": "email",
                        "response_type": "code", "state": "the state" },
    });
    assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&start)).status, 200);
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let mail = outbox.as_array().expect("a list").iter().find(|it| it["to"] == "mailbox@example.com");
    let link = text(&mail.expect("it was sent")["link"]);
    assert_eq!(refused(&mut browser, &link).0, "invalid_request");
    let nobody = tenant.send(
        &Request::get("/api/v2/users-by-email?email=mailbox@example.com").bearer(&tenant.client_token("web")),
    );
    assert_eq!(nobody.json(), json!([]));
}

fn the_scopes_at_the_token_endpoint() {
    let tenant = tenant();
    let (_, hint) = owner(&tenant);
    for scope in ["openid link_account", "unlink_account"] {
        let fields = [
            ("grant_type", REALM_GRANT),
            ("realm", DATABASE),
            ("username", "ada@example.com"),
            ("password", PASSWORD),
            ("scope", scope),
            ("id_token_hint", hint.as_str()),
            ("requested_connection", "google-oauth2"),
        ];
        let response = tenant.token("web", &fields);
        assert_eq!((response.status, &response.json()["error"]), (400, &json!("invalid_request")));
        let words = text(&response.json()["error_description"]);
        assert!(words.ends_with("is for /authorize and its login page"), "{words}");
        assert!(is_logged(&tenant, &words));
    }
}

/// `my-account` is no API of the configuration.
fn the_audience_of_auth0s_action() {
    let tenant = tenant();
    let (mut browser, hint) = owner(&tenant);
    let with = [("audience", "my-account"), ("requested_connection_scopes", "calendar")];
    let page = browser.get(&request("link_account", &hint, "google-oauth2", &with));
    assert!(page.location().contains("/u/stand-in?"), "{}", page.location());
    let other = [("audience", "another")];
    assert_eq!(
        refused(&mut browser, &request("link_account", &hint, "google-oauth2", &other)).0,
        "access_denied"
    );
    let ordinary = [("audience", "my-account")];
    assert_eq!(refused(&mut browser, &request("openid", "", "", &ordinary)).0, "access_denied");
}

fn a_request_by_post() {
    let tenant = tenant();
    let (mut browser, hint) = owner(&tenant);
    let target = request("link_account", &hint, "google-oauth2", &[]);
    let body = target.split_once('?').expect("a query").1.to_owned();
    let page = browser.send(Request::post("/authorize").body("application/x-www-form-urlencoded", body));
    assert!(page.location().contains("/u/stand-in?"), "{}", page.location());
}
