//! Logins that end: tokens and sessions from before are no longer valid.

use serde_json::{Value, json};

use super::{subject, tokens};
use crate::http::{Request, Response};
use crate::tenants::{Tenant, authorize, by_google, by_id, by_password, database_user, text};

crate::tests![a_new_password_ends_the_logins_before_it, a_link_ends_the_refresh_tokens_of_the_secondary];

fn refresh(tenant: &Tenant, tokens: &Value) -> Response {
    let token = text(&tokens["refresh_token"]);
    tenant.token("web", &[("grant_type", "refresh_token"), ("refresh_token", &token)])
}

/// A request for Ada's user, by an application.
fn of_ada(tenant: &Tenant, method: &str, path: &str, body: &Value) -> Response {
    let target = format!("/api/v2/users/auth0%7Cada{path}");
    tenant.send(&Request::new(method, target).bearer(&tenant.client_token("web")).json(body))
}

fn a_new_password_ends_the_logins_before_it() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let mut browser = tenant.browser();
    let before = tokens(&tenant, &by_password(&mut browser, "ada@example.com", &[]));
    let password = json!({ "password": "another horse, another battery" });
    assert_eq!(of_ada(&tenant, "PATCH", "", &password).status, 200);

    assert_eq!(refresh(&tenant, &before).json()["error"], "invalid_grant");
    let silent = browser.get(&authorize(&[("prompt", "none")])).answer();
    assert_eq!(silent.get("error").map(String::as_str), Some("login_required"));
}

fn a_link_ends_the_refresh_tokens_of_the_secondary() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let before = tokens(&tenant, &by_google(&mut tenant.browser(), "1080", &[]));
    let linked = of_ada(&tenant, "POST", "/identities", &by_id("google-oauth2", "1080"));
    assert_eq!(linked.status, 201, "{}", linked.text());

    assert_eq!(refresh(&tenant, &before).json()["error"], "invalid_grant");
    assert_eq!(subject(&tenant, &by_google(&mut tenant.browser(), "1080", &[])), "auth0|ada");
}
