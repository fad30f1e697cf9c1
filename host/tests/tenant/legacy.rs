//! Requests of applications from before 2018: those of the documents that the
//! project started from, in the order in which these send them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::tenants::{CONFIG, Tenant, authorize, by_id, by_password, database_user, shared, text, user};

crate::tests!(
    a_page_of_2016_links_and_unlinks_with_id_tokens,
    the_quickstart_of_2017_links_and_unlinks_with_id_tokens,
    a_server_of_2016_links_with_a_token_of_its_own,
    an_access_token_brings_its_id_token_along,
    an_id_token_still_links_nobody_elses_account,
    none_of_it_works_where_it_is_not_switched_on,
);

fn users() -> String {
    ["ada", "quick", "server", "own", "victim"]
        .iter()
        .map(|id| {
            database_user(id, &format!("{id}@example.com"))
                + &database_user(&format!("{id}-2"), &format!("{id}.2@example.com"))
                + &user(&format!("google-oauth2|{id}"), &format!("{id}@example.com"), "google-oauth2")
        })
        .collect()
}

fn tenant() -> Arc<Tenant> {
    shared("legacy", || {
        let config = CONFIG.replacen("name = \"tenant\"", "name = \"tenant\"\nlegacy_id_tokens = true", 1);
        Tenant::configured(&(config + &users()), &[])
    })
}

/// Returns the ID token of Lock's implicit login: in the fragment, without a nonce.
fn id_token(tenant: &Tenant, email: &str) -> String {
    let asked = [("response_type", "id_token"), ("scope", "openid"), ("nonce", "")];
    let answer = by_password(&mut tenant.browser(), email, &asked).answer();
    answer.get("id_token").unwrap_or_else(|| panic!("no ID token: {answer:?}")).clone()
}

fn providers(response: &Response) -> Vec<String> {
    response.json().as_array().expect("a list").iter().map(|it| text(&it["user_id"])).collect()
}

/// Documents 000 to 002: jQuery, a form, the bar as it is.
fn a_page_of_2016_links_and_unlinks_with_id_tokens() {
    let tenant = tenant();
    let (own, other) = (id_token(&tenant, "ada@example.com"), id_token(&tenant, "ada.2@example.com"));

    let profile = tenant.send(&Request::post("/tokeninfo").json(&json!({ "id_token": own })));
    assert_eq!((profile.status, &profile.json()["user_id"]), (200, &json!("auth0|ada")));

    let link = Request::post("/api/v2/users/auth0|ada/identities").form(&[("link_with", &other)]);
    let linked = tenant.send(&link.bearer(&own));
    assert_eq!((linked.status, providers(&linked)), (201, vec!["ada".to_owned(), "ada-2".to_owned()]));

    let unlink = Request::new("DELETE", "/api/v2/users/auth0|ada/identities/auth0/ada-2");
    let left = tenant.send(&unlink.bearer(&own));
    assert_eq!((left.status, providers(&left)), (200, vec!["ada".to_owned()]));
}

/// Document 003: XMLHttpRequest, JSON; it shows the name of each linked profile.
fn the_quickstart_of_2017_links_and_unlinks_with_id_tokens() {
    let tenant = tenant();
    let (own, other) = (id_token(&tenant, "quick@example.com"), id_token(&tenant, "quick.2@example.com"));
    let link = Request::post("/api/v2/users/auth0|quick/identities").json(&json!({ "link_with": other }));
    assert_eq!(tenant.send(&link.bearer(&own)).status, 201);

    let profile = tenant.send(&Request::get(format!("/tokeninfo?id_token={own}"))).json();
    let linked: Vec<&Value> = profile["identities"].as_array().expect("a list").iter().skip(1).collect();
    assert_eq!((linked.len(), linked[0]["profileData"].is_object()), (1, true));
    assert!(linked[0]["profileData"]["picture"].is_string(), "{linked:?}");

    let unlink = Request::new("DELETE", "/api/v2/users/auth0|quick/identities/auth0/quick-2");
    let unlink = unlink.header("content-type", "application/json").header("accept", "application/json");
    assert_eq!(tenant.send(&unlink.bearer(&own)).status, 200);
}

/// Document 004: provider and id, with `update:users`.
fn a_server_of_2016_links_with_a_token_of_its_own() {
    let tenant = tenant();
    let token = tenant.client_token("web");
    let link = Request::post("/api/v2/users/auth0|server/identities").json(&by_id("google-oauth2", "server"));
    assert_eq!(tenant.send(&link.bearer(&token)).status, 201);
    let unlink = Request::new("DELETE", "/api/v2/users/auth0|server/identities/google-oauth2/server");
    assert_eq!(tenant.send(&unlink.bearer(&token)).status, 200);
}

fn an_access_token_brings_its_id_token_along() {
    let asked = [("response_type", "token"), ("scope", "openid"), ("nonce", "")];
    let answer = by_password(&mut tenant().browser(), "own@example.com", &asked).answer();
    assert!(answer.contains_key("access_token") && answer.contains_key("id_token"), "{answer:?}");
}

fn an_id_token_still_links_nobody_elses_account() {
    let tenant = tenant();
    let own = id_token(&tenant, "own@example.com");
    let link = |id: &str, body: &Value| {
        tenant
            .send(&Request::post(format!("/api/v2/users/auth0|{id}/identities")).json(body).bearer(&own))
            .status
    };
    // The hole of 2018: an account that is only named.
    assert_eq!(link("own", &by_id("auth0", "victim")), 403);
    assert_eq!(link("victim", &json!({ "link_with": own })), 403);
    assert_eq!(tenant.send(&Request::get("/api/v2/users").bearer(&own)).status, 403);
}

fn none_of_it_works_where_it_is_not_switched_on() {
    let tenant = shared("legacy, off", || Tenant::with(&users()));
    let asked = [("response_type", "id_token"), ("scope", "openid")];
    let answer = by_password(&mut tenant.browser(), "ada@example.com", &asked).answer();
    let own = &answer["id_token"];
    let link = Request::post("/api/v2/users/auth0|ada/identities").json(&json!({ "link_with": own }));
    assert_eq!(tenant.send(&link.bearer(own)).status, 401);
    assert_eq!(tenant.send(&Request::get(format!("/tokeninfo?id_token={own}"))).status, 404);
    let without_nonce = tenant.browser().get(&authorize(&[("response_type", "id_token"), ("nonce", "")]));
    assert_eq!(without_nonce.answer()["error"], "invalid_request");
}
