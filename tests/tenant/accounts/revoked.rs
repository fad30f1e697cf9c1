//! What ends with a password, an account, or a link.

use std::time::Duration;

use serde_json::{Value, json};

use super::{log_in, patch, path, refreshed, reset, silent, subject_of, tenant_with};
use crate::http::{Browser, Request, Response};
use crate::tenants::{
    PASSWORD, Tenant, authorize, by_google, by_id, by_password, claims, database_user, redeem, text, user,
};

crate::tests![
    a_reset_ends_what_every_identity_has,
    a_block_ends_what_every_identity_has,
    a_deletion_ends_what_every_identity_has,
    a_link_ends_the_refresh_tokens_of_all_identities_of_the_second,
    a_link_at_a_login_ends_them_too,
    sessions_follow_the_primary,
    the_right_password_is_right_at_once,
    a_token_links_once,
    a_token_from_before_the_unlink_links_no_more,
    a_token_from_before_the_reset_links_no_more,
    what_a_user_is_logged_in_by_is_listed_and_ended,
];

/// Ada, whose account has a Google identity and another password as well.
fn ada() -> Tenant {
    let users = database_user("ada", "ada@example.com")
        + &database_user("second", "second@example.com")
        + &user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let tenant = tenant_with(&users, &[]);
    link(&tenant, "auth0|ada", &by_id("google-oauth2", "1080"));
    link(&tenant, "auth0|ada", &by_id("auth0", "second"));
    tenant
}

fn link(tenant: &Tenant, primary: &str, body: &Value) {
    let link = Request::post(format!("{}/identities", path(primary))).json(body);
    let linked = tenant.send(&link.bearer(&tenant.client_token("web")));
    assert_eq!(linked.status, 201, "{}", linked.text());
}

/// The tokens of a login in a browser, with a session.
fn tokens(tenant: &Tenant, login: &Response) -> Value {
    redeem(tenant, "web", &login.answer()["code"]).json()
}

/// Ada is logged in by each of her identities.
struct Logins {
    google: Browser,
    second: Browser,
    tokens: [Value; 2],
}

fn logins(tenant: &Tenant) -> Logins {
    let (mut google, mut second) = (tenant.browser(), tenant.browser());
    let by = [by_google(&mut google, "1080", &[]), by_password(&mut second, "second@example.com", &[])];
    let tokens = by.map(|login| tokens(tenant, &login));
    for token in &tokens {
        assert_eq!(claims(&token["id_token"])["sub"], "auth0|ada");
    }
    Logins { google, second, tokens }
}

fn assert_ended(tenant: &Tenant, logins: &mut Logins) {
    for browser in [&mut logins.google, &mut logins.second] {
        assert_eq!(silent(browser), "login_required");
    }
    for tokens in &logins.tokens {
        let refused = refreshed(tenant, &tokens["refresh_token"]);
        assert_eq!(refused.json()["error"], "invalid_grant", "{}", refused.text());
    }
}

fn a_reset_ends_what_every_identity_has() {
    let tenant = ada();
    let mut before = logins(&tenant);
    let own = tenant.password_tokens("web", "second@example.com", "openid read:current_user");
    let profiles = || {
        [path("auth0|ada"), "/userinfo".to_owned()]
            .map(|target| tenant.send(&Request::get(target).bearer(&text(&own["access_token"]))).status)
    };
    assert_eq!(profiles(), [200, 200]);
    // Tokens say the second only.
    std::thread::sleep(Duration::from_millis(1100));
    reset(&tenant, "ada@example.com", "another password").expect("a mail");
    assert_ended(&tenant, &mut before);
    assert_eq!(profiles(), [401, 401]);
    assert_eq!(subject_of(&log_in(&tenant, "ada@example.com", "another password")), "auth0|ada");
    assert_eq!(silent(&mut logins(&tenant).google), "logged in");
}

fn a_block_ends_what_every_identity_has() {
    let tenant = ada();
    let mut before = logins(&tenant);
    assert_eq!(patch(&tenant, "auth0|ada", &json!({ "blocked": true })).status, 200);
    assert_eq!(silent(&mut before.google), "unauthorized");
    assert_eq!(patch(&tenant, "auth0|ada", &json!({ "blocked": false })).status, 200);
    assert_ended(&tenant, &mut before);
    assert_eq!(subject_of(&log_in(&tenant, "ada@example.com", PASSWORD)), "auth0|ada");
}

fn a_deletion_ends_what_every_identity_has() {
    let tenant = ada();
    let mut before = logins(&tenant);
    let gone = super::administration(&tenant, Request::new("DELETE", path("auth0|ada")));
    assert_eq!(gone.status, 204);
    // Whoever logs in with Google again is a user of its own.
    by_google(&mut tenant.browser(), "1080", &[]);
    assert_ended(&tenant, &mut before);
}

fn a_link_ends_the_refresh_tokens_of_all_identities_of_the_second() {
    let tenant = ada();
    let created =
        json!({ "connection": crate::tenants::DATABASE, "email": "first@example.com", "password": PASSWORD });
    let first = super::administration(&tenant, Request::post("/api/v2/users").json(&created)).json();
    let before = logins(&tenant);
    let kept = log_in(&tenant, "first@example.com", PASSWORD).json();
    link(&tenant, &text(&first["user_id"]), &by_id("auth0", "ada"));
    for tokens in &before.tokens {
        assert_eq!(refreshed(&tenant, &tokens["refresh_token"]).json()["error"], "invalid_grant");
    }
    assert_eq!(refreshed(&tenant, &kept["refresh_token"]).status, 200);
}

fn a_link_at_a_login_ends_them_too() {
    let policy = tempfile::NamedTempFile::new().expect("a file");
    let set = |mode: &str| {
        let text = json!({ "mode": mode, "trusted_connections": ["google-oauth2"] });
        std::fs::write(policy.path(), text.to_string()).expect("a file is written");
    };
    set("observe");
    let users = database_user("ada", "ada@example.com")
        + &user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let tenant = tenant_with(&users, &["--policy", policy.path().to_str().expect("a path in UTF-8")]);
    let google = tokens(&tenant, &by_google(&mut tenant.browser(), "1080", &[]));
    let own = log_in(&tenant, "ada@example.com", PASSWORD).json();
    assert_eq!(claims(&google["id_token"])["sub"], "google-oauth2|1080");
    set("auto");
    tenant.running.signal("HUP");
    while !tenant.running.log().contains("plugin and policy reloaded") {
        std::thread::sleep(Duration::from_millis(20));
    }
    let joined = tokens(&tenant, &by_google(&mut tenant.browser(), "1080", &[]));
    assert_eq!(claims(&joined["id_token"])["sub"], "auth0|ada");
    let ended = refreshed(&tenant, &google["refresh_token"]);
    assert_eq!(ended.json()["error"], "invalid_grant", "{}", ended.text());
    for kept in [&own, &joined] {
        assert_eq!(refreshed(&tenant, &kept["refresh_token"]).status, 200);
    }
}

fn sessions_follow_the_primary() {
    let tenant = tenant_with(
        &(database_user("ada", "ada@example.com")
            + &user("google-oauth2|1080", "ada@example.com", "google-oauth2")),
        &[],
    );
    let mut browser = tenant.browser();
    by_google(&mut browser, "1080", &[]);
    link(&tenant, "auth0|ada", &by_id("google-oauth2", "1080"));
    let again = tokens(&tenant, &browser.get(&authorize(&[("prompt", "none")])));
    assert_eq!(claims(&again["id_token"])["sub"], "auth0|ada");
}

fn the_right_password_is_right_at_once() {
    let tenant = ada();
    for n in 0..60 {
        let password = format!("password number {n}");
        assert_eq!(patch(&tenant, "auth0|ada", &json!({ "password": password })).status, 200);
        let login = log_in(&tenant, "ada@example.com", &password);
        assert_eq!(login.status, 200, "{n}: {}", login.text());
    }
    for n in 0..60 {
        let email = format!("ada{n}@example.com");
        assert_eq!(patch(&tenant, "auth0|ada", &json!({ "email": email })).status, 200);
        let login = log_in(&tenant, &email, "password number 59");
        assert_eq!(login.status, 200, "{n}: {}", login.text());
    }
}

/// Ada's own token and a proof of a second account of hers.
fn proof(tenant: &Tenant, email: &str) -> Value {
    json!({ "link_with": tenant.password_tokens("web", email, "openid")["id_token"] })
}

fn as_ada(tenant: &Tenant, method: &str, target: &str, body: Option<&Value>) -> Response {
    let scope = "openid read:current_user update:current_user_identities";
    let own = text(&tenant.password_tokens("web", "ada@example.com", scope)["access_token"]);
    let request = Request::new(method, format!("{}/identities{target}", path("auth0|ada"))).bearer(&own);
    tenant.send(&body.map_or(request.clone(), |body| request.json(body)))
}

fn two() -> Tenant {
    tenant_with(&(database_user("ada", "ada@example.com") + &database_user("two", "two@example.com")), &[])
}

fn assert_not_linked(response: &Response) {
    let said = response.json();
    assert_eq!((response.status, said["errorCode"].as_str()), (400, Some("invalid_link_with")), "{said}");
}

fn a_token_links_once() {
    let tenant = two();
    let proof = proof(&tenant, "two@example.com");
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof)).status, 201);
    assert_eq!(as_ada(&tenant, "DELETE", "/auth0/two", None).status, 200);
    assert_not_linked(&as_ada(&tenant, "POST", "", Some(&proof)));
    // A link that was not made leaves the token good.
    let proof = self::proof(&tenant, "ada@example.com");
    for _ in 0..2 {
        let same = as_ada(&tenant, "POST", "", Some(&proof));
        assert_eq!(same.json()["message"], "Main identity and the new one are the same.");
    }
}

fn a_token_from_before_the_unlink_links_no_more() {
    let tenant = two();
    let (first, other) = (proof(&tenant, "two@example.com"), proof(&tenant, "two@example.com"));
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(as_ada(&tenant, "POST", "", Some(&first)).status, 201);
    assert_eq!(as_ada(&tenant, "DELETE", "/auth0/two", None).status, 200);
    assert_not_linked(&as_ada(&tenant, "POST", "", Some(&other)));
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof(&tenant, "two@example.com"))).status, 201);
}

fn a_token_from_before_the_reset_links_no_more() {
    let tenant = two();
    let old = proof(&tenant, "two@example.com");
    std::thread::sleep(Duration::from_millis(1100));
    reset(&tenant, "two@example.com", "another password").expect("a mail");
    assert_not_linked(&as_ada(&tenant, "POST", "", Some(&old)));
}

fn what_a_user_is_logged_in_by_is_listed_and_ended() {
    let tenant = ada();
    let mut before = logins(&tenant);
    let ask = |method: &str, what: &str| {
        super::administration(&tenant, Request::new(method, format!("{}/{what}", path("auth0|ada"))))
    };
    let sessions = ask("GET", "sessions?take=1").json();
    let next = ask("GET", &format!("sessions?from={}", text(&sessions["next"]))).json();
    let sids = [&sessions["sessions"][0]["id"], &next["sessions"][0]["id"]];
    for tokens in &before.tokens {
        assert!(sids.contains(&&claims(&tokens["id_token"])["sid"]), "{sessions} {next}");
    }
    let listed = ask("GET", "refresh-tokens").json();
    assert_eq!(listed["tokens"].as_array().map(Vec::len), Some(2));
    let secrets = before
        .tokens
        .iter()
        .flat_map(|it| text(&it["refresh_token"]).split('.').map(str::to_owned).collect::<Vec<_>>());
    for secret in secrets {
        assert!(!listed.to_string().contains(&secret), "{listed}");
    }
    assert_eq!(ask("DELETE", "sessions").status, 202);
    assert_eq!(silent(&mut before.google), "login_required");
    assert_eq!(ask("DELETE", "refresh-tokens").status, 202);
    assert_ended(&tenant, &mut before);
    assert_eq!(ask("GET", "sessions").json()["sessions"], json!([]));
    let denied = Request::get(format!("{}/sessions", path("auth0|ada"))).bearer(&tenant.client_token("web"));
    assert_eq!(tenant.send(&denied).status, 403);
}
