//! The tenant's events, read through the Management API.

use serde_json::{Value, json};

use super::{Machine, needs_a_scope, tenant};
use crate::http::Request;
use crate::tenants::{
    DATABASE, PASSWORD, REALM_GRANT, Tenant, by_google, by_id, by_password, database_user, text, user,
};

crate::tests![
    logins_and_their_failures_are_told,
    accounts_and_requests_are_told,
    a_link_at_a_login_is_told,
    events_come_in_pages_and_from_a_checkpoint,
    no_secret_is_told,
    logs_need_their_scopes,
];

fn with_ada() -> Tenant {
    tenant(
        &(database_user("ada", "ada@example.com")
            + &user("google-oauth2|1080", "hopper@example.com", "google-oauth2")),
    )
}

fn types(events: &Value) -> Vec<String> {
    events.as_array().unwrap_or_else(|| panic!("{events}")).iter().map(|it| text(&it["type"])).collect()
}

fn wrong_password(tenant: &Tenant, login: &str, password: &str) {
    let fields =
        [("grant_type", REALM_GRANT), ("realm", DATABASE), ("username", login), ("password", password)];
    assert_ne!(tenant.token("web", &fields).status, 200);
}

fn logins_and_their_failures_are_told() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    by_password(&mut tenant.browser(), "ada@example.com", &[]);
    tenant.password_tokens("web", "ada@example.com", "openid");
    wrong_password(&tenant, "ada@example.com", "a wrong password");
    wrong_password(&tenant, "nobody@example.com", "a wrong password");
    assert_eq!(machine.ask("PATCH", "users/auth0%7Cada", &json!({ "blocked": true })).status, 200);
    wrong_password(&tenant, "ada@example.com", PASSWORD);

    let events = machine.get("users/auth0%7Cada/logs");
    assert_eq!(types(&events), ["f", "fp", "sepft", "s"]);
    assert_eq!(events[0]["description"], "user is blocked");
    let success = &events[3];
    let shown = ["user_name", "client_id", "connection", "connection_id", "strategy", "ip"]
        .map(|key| text(&success[key]));
    assert_eq!(shown, ["ada@example.com", "web", DATABASE, "con_AAAAAAAAAAAAAAAA", "auth0", "127.0.0.1"]);
    assert_eq!(machine.get(&format!("logs/{}", text(&success["log_id"]))), *success);
    // A login name of no user may be a password, typed into the wrong field.
    let unknown = machine.get("logs?q=type%3Afu");
    assert_eq!((types(&unknown), &unknown[0]["user_name"]), (vec!["fu".to_owned()], &Value::Null));
    for _ in 0..30 {
        wrong_password(&tenant, "ada@example.com", "a wrong password");
    }
    assert!(types(&machine.get("users/auth0%7Cada/logs")).contains(&"limit_wc".to_owned()));
}

fn accounts_and_requests_are_told() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let sign_up = json!({ "client_id": "web", "connection": DATABASE, "email": "eve@example.com", "password": PASSWORD });
    let eve = tenant.send(&Request::post("/dbconnections/signup").json(&sign_up)).json();
    let id = format!("auth0%7C{}", text(&eve["_id"]));
    assert_eq!(types(&machine.get(&format!("users/{id}/logs"))), ["ss"]);
    assert_eq!(
        machine.ask("POST", "users/auth0%7Cada/identities", &by_id("google-oauth2", "1080")).status,
        201
    );
    assert_eq!(
        machine.ask("DELETE", "users/auth0%7Cada/identities/google-oauth2/1080", &json!({})).status,
        200
    );
    assert_eq!(machine.ask("PATCH", "users/auth0%7Cnobody", &json!({ "blocked": true })).status, 404);
    let events = machine.get("logs?fields=type,client_id,details");
    assert_eq!(types(&events)[..3], ["fapi", "sapi", "sapi"]);
    let unlink = json!({ "type": "sapi", "client_id": "machine", "details": {
        "request": { "method": "DELETE", "path": "/api/v2/users/auth0%7Cada/identities/google-oauth2/1080" },
        "response": { "statusCode": 200 } } });
    assert_eq!(events[1], unlink);
    assert_eq!(events[0]["details"]["response"]["statusCode"], 404);
}

fn a_link_at_a_login_is_told() {
    let policy = crate::logins::File::with(crate::logins::AUTO);
    let users = format!("{}{}", super::MACHINE, database_user("ada", "ada@example.com"));
    let tenant = Tenant::started(&users, &["--policy", policy.name()]);
    by_google(&mut tenant.browser(), "1080", &[]);
    let events = Machine::of(&tenant).get("users/auth0%7Cada/logs");
    assert_eq!(types(&events), ["s", "sapi"]);
    assert_eq!(
        (&events[1]["description"], &events[1]["details"]["linked"]),
        (&json!("Link a user account"), &json!("google-oauth2|1080"))
    );
    assert_eq!(
        (&events[0]["connection"], &events[0]["strategy_type"]),
        (&json!("google-oauth2"), &json!("social"))
    );
}

fn events_come_in_pages_and_from_a_checkpoint() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    for n in 0..5 {
        machine.ask("PATCH", "users/auth0%7Cada", &json!({ "user_metadata": { "n": n } }));
    }
    let all = machine.get("logs?sort=date:1");
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), 5);
    let page = machine.get("logs?page=1&per_page=2&include_totals=true&sort=date:1");
    assert_eq!((&page["total"], &page["logs"]), (&json!(5), &json!(all[2..4])));
    let behind = machine.get(&format!("logs?from={}&take=2", text(&all[1]["log_id"])));
    assert_eq!(behind, json!(all[2..4]));
    let at_the_end = machine.get(&format!("logs?from={}&take=2", text(&all[4]["log_id"])));
    assert_eq!(at_the_end, json!([]));
    let newest = machine.get("logs?per_page=1");
    assert_eq!(newest[0], all[4]);
    assert_eq!(machine.refusal("GET", "logs?from=900&take=2", &json!({})).0, 400);
    assert_eq!(machine.refusal("GET", "logs/900", &json!({})), (404, "The log does not exist".to_owned()));
}

fn no_secret_is_told() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    by_password(&mut tenant.browser(), "ada@example.com", &[]);
    wrong_password(&tenant, "hunter2 typed as a name", "hunter3 as a password");
    let ticket = machine.ask("POST", "tickets/password-change", &json!({ "user_id": "auth0|ada" })).json();
    machine.ask("PATCH", "users/auth0%7Cada", &json!({ "password": "hunter4 as a password" }));
    let told = machine.get("logs?per_page=100").to_string();
    let (_, ticket) = text(&ticket["ticket"])
        .rsplit_once('=')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("it is there");
    for secret in ["hunter", PASSWORD, &machine.token, &ticket, "the secret of"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}

fn logs_need_their_scopes() {
    needs_a_scope(&with_ada(), &[("GET", "logs"), ("GET", "logs/900"), ("GET", "users/auth0%7Cada/logs")]);
}
