//! A blocked user is refused at every endpoint.

use serde_json::json;

use super::{patch, path, tenant_with};
use crate::http::{Request, Response};
use crate::tenants::{Tenant, database_user, text};

crate::tests![
    an_older_token_frees_no_blocked_user,
    a_blocked_users_own_token_does_nothing,
    an_administrator_may_still_link_a_blocked_user,
];

fn tenant() -> Tenant {
    tenant_with(
        &(database_user("mallory", "mallory@example.com") + &database_user("fresh", "fresh@example.com")),
        &[],
    )
}

const SCOPE: &str = "openid read:current_user update:current_user_identities update:current_user_metadata create:current_user_metadata";

fn block(tenant: &Tenant) {
    assert_eq!(patch(tenant, "auth0|mallory", &json!({ "blocked": true })).status, 200);
}

fn assert_blocked(response: &Response) {
    assert_eq!((response.status, response.json()["errorCode"].as_str()), (403, Some("user_blocked")));
}

fn an_older_token_frees_no_blocked_user() {
    let tenant = tenant();
    let of = |email| tenant.password_tokens("web", email, SCOPE);
    let (mallory, fresh) = (of("mallory@example.com"), of("fresh@example.com"));
    block(&tenant);
    let link = |user_id: &str, token: &str, proof: &serde_json::Value| {
        let link =
            Request::post(format!("{}/identities", path(user_id))).json(&json!({ "link_with": proof }));
        tenant.send(&link.bearer(token))
    };
    assert_blocked(&link("auth0|fresh", &text(&fresh["access_token"]), &mallory["id_token"]));
    assert_blocked(&link("auth0|fresh", &tenant.client_token("web"), &mallory["id_token"]));
    assert_blocked(&link("auth0|mallory", &text(&mallory["access_token"]), &fresh["id_token"]));
    assert_blocked(&link("auth0|mallory", &tenant.client_token("web"), &fresh["id_token"]));
    assert!(tenant.user("auth0|mallory").json()["blocked"].as_bool().expect("a flag"));
    assert!(
        tenant.log_of("audit").iter().any(|line| line["message"] == "a blocked user's token was refused")
    );
}

fn a_blocked_users_own_token_does_nothing() {
    let tenant = tenant();
    let own = text(&tenant.password_tokens("web", "mallory@example.com", SCOPE)["access_token"]);
    let mine = path("auth0|mallory");
    let requests = || {
        [
            Request::get(&mine),
            Request::new("PATCH", &mine).json(&json!({ "user_metadata": { "a": 1 } })),
            Request::new("DELETE", format!("{mine}/identities/google-oauth2/1")),
        ]
    };
    for request in requests() {
        assert_eq!(tenant.send(&request.bearer(&own)).status, 200);
    }
    block(&tenant);
    for request in requests() {
        assert_blocked(&tenant.send(&request.bearer(&own)));
    }
}

fn an_administrator_may_still_link_a_blocked_user() {
    let tenant = tenant();
    block(&tenant);
    let link = Request::post(format!("{}/identities", path("auth0|mallory")));
    let link = link.json(&crate::tenants::by_id("auth0", "fresh")).bearer(&tenant.client_token("web"));
    assert_eq!(tenant.send(&link).status, 201);
}
