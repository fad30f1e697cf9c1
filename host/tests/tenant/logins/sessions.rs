//! Sessions, keys and users that outlast a login.

use serde_json::json;

use super::{subject, tokens};
use crate::http::{Request, Response};
use crate::tenants::{
    CONFIG, DATABASE, PASSWORD, REALM_GRANT, Tenant, authorize, by_password, claims, database_user, text,
};

crate::tests![
    silent_logins,
    how_old_a_login_may_be,
    a_login_is_asked_for,
    a_logout_ends_it,
    keys_are_rotated,
    a_restart_keeps_keys,
    a_restart_keeps_users,
];

fn tenant() -> std::sync::Arc<Tenant> {
    crate::tenants::shared("sessions", || Tenant::with(&database_user("ada", "ada@example.com")))
}

fn error(response: &Response) -> String {
    response.answer().remove("error").unwrap_or_else(|| panic!("no error: {}", response.location()))
}

/// Returns whether the response leads to the login page.
fn is_page(tenant: &Tenant, response: &Response) -> bool {
    response.location().starts_with(&format!("{}u/", tenant.http()))
}

fn silent_logins() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let silent = authorize(&[("prompt", "none")]);
    assert_eq!(error(&browser.get(&silent)), "login_required");
    let first = claims(&tokens(&tenant, &by_password(&mut browser, "ada@example.com", &[]))["id_token"]);
    let second = claims(&tokens(&tenant, &browser.get(&silent))["id_token"]);
    assert_eq!(second["sub"], "auth0|ada");
    assert_eq!((&second["sid"], &second["auth_time"]), (&first["sid"], &first["auth_time"]));
    // A connection that was not the one, another browser.
    assert_eq!(
        error(&browser.get(&authorize(&[("prompt", "none"), ("connection", "google-oauth2")]))),
        "login_required"
    );
    assert_eq!(error(&tenant.browser().get(&silent)), "login_required");
    assert_eq!(error(&browser.get(&authorize(&[("prompt", "none login")]))), "invalid_request");
}

fn how_old_a_login_may_be() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    by_password(&mut browser, "ada@example.com", &[]);
    assert!(is_page(&tenant, &browser.get(&authorize(&[("max_age", "0")]))));
    assert_eq!(error(&browser.get(&authorize(&[("max_age", "0"), ("prompt", "none")]))), "login_required");
    assert_eq!(error(&browser.get(&authorize(&[("max_age", "soon")]))), "invalid_request");
    assert_eq!(subject(&tenant, &browser.get(&authorize(&[("max_age", "3600")]))), "auth0|ada");
    let fresh = tokens(&tenant, &by_password(&mut browser, "ada@example.com", &[("max_age", "0")]));
    let id = claims(&fresh["id_token"]);
    assert!(id["auth_time"].is_u64() && id["auth_time"].as_u64() <= id["iat"].as_u64(), "{id}");
}

fn a_login_is_asked_for() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    by_password(&mut browser, "ada@example.com", &[]);
    for prompt in ["login", "select_account", "login consent"] {
        assert!(is_page(&tenant, &browser.get(&authorize(&[("prompt", prompt)]))), "{prompt}");
    }
    assert_eq!(subject(&tenant, &browser.get(&authorize(&[]))), "auth0|ada");
}

fn a_logout_ends_it() {
    let tenant = tenant();
    for logout in [
        "/v2/logout?client_id=web&returnTo=http://localhost:3000",
        "/oidc/logout",
        "/v2/logout?returnTo=http://evil.test",
    ] {
        let mut browser = tenant.browser();
        by_password(&mut browser, "ada@example.com", &[]);
        let copy = browser.clone();
        browser.get(logout);
        assert!(!browser.cookies.contains_key("ligature-session"), "{logout}");
        // A copy of the cookie is worthless as well.
        for mut browser in [browser, copy] {
            assert_eq!(error(&browser.get(&authorize(&[("prompt", "none")]))), "login_required", "{logout}");
        }
    }
}

fn kids(tenant: &Tenant) -> Vec<String> {
    let jwks = tenant.send(&Request::get("/.well-known/jwks.json")).json();
    jwks["keys"].as_array().expect("keys").iter().map(|key| text(&key["kid"])).collect()
}

/// Returns whether the Management API accepts a token.
fn is_taken(tenant: &Tenant, token: &str) -> bool {
    tenant.send(&Request::get("/api/v2/users/auth0%7Cada").bearer(token)).status == 200
}

fn keys_are_rotated() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let rotate = |token: &str| tenant.send(&Request::post("/api/v2/keys/signing/rotate").bearer(token));
    let first = kids(&tenant);
    let old = tenant.client_token("web");
    assert_eq!(rotate(&tenant.client_token("other")).status, 403);
    assert_eq!((kids(&tenant), first.len()), (first.clone(), 1));

    assert_eq!(rotate(&old).status, 201);
    let second = kids(&tenant);
    assert_eq!((second.len(), &second[1]), (2, &first[0]));
    let new = tenant.client_token("web");
    assert!(is_taken(&tenant, &old) && is_taken(&tenant, &new));

    // The oldest of three keys is forgotten.
    assert_eq!(rotate(&new).status, 201);
    assert_eq!((kids(&tenant).len(), &kids(&tenant)[1]), (2, &second[0]));
    assert!(!is_taken(&tenant, &old) && is_taken(&tenant, &new));
}

fn a_restart_keeps_keys() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = format!("{CONFIG}{}", database_user("ada", "ada@example.com"));
    let start = |args: &[&str]| Tenant::within(folder.path(), &config, args);
    let tenant = start(&[]);
    let (first, authority) = (kids(&tenant), std::fs::read(&tenant.running.ca).expect("an authority"));
    tenant.running.stop();
    let tenant = start(&[]);
    assert_eq!(kids(&tenant), first);
    assert_eq!(std::fs::read(&tenant.running.ca).expect("an authority"), authority);
    tenant.running.stop();
    let tenant = start(&["--rotate-key"]);
    let second = kids(&tenant);
    assert_eq!((second.len(), &second[1]), (2, &first[0]));
    tenant.running.stop();
    assert_eq!(kids(&start(&[])), second);
}

fn a_restart_keeps_users() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    let start = || Tenant::within(folder.path(), CONFIG, &["--directory", &directory]);
    let logged_in = |tenant: &Tenant, password: &str| {
        let fields = [
            ("grant_type", REALM_GRANT),
            ("realm", DATABASE),
            ("username", "new@example.com"),
            ("password", password),
        ];
        tenant.token("web", &fields)
    };
    let tenant = start();
    let sign_up = json!({ "client_id": "web", "connection": DATABASE, "email": "new@example.com", "password": PASSWORD });
    assert_eq!(tenant.send(&Request::post("/dbconnections/signup").json(&sign_up)).status, 200);
    let before = claims(&logged_in(&tenant, PASSWORD).json()["id_token"]);
    let mut browser = tenant.browser();
    by_password(&mut browser, "new@example.com", &[]);
    tenant.running.stop();

    let tenant = start();
    let after = claims(&logged_in(&tenant, PASSWORD).json()["id_token"]);
    assert_eq!(after["sub"], before["sub"]);
    assert_eq!(logged_in(&tenant, "another password").status, 403);
    // Sessions are not kept.
    let mut same = tenant.browser();
    same.cookies = browser.cookies;
    assert_eq!(error(&same.get(&authorize(&[("prompt", "none")]))), "login_required");
    // Logins are counted in the background; those of before the restart are.
    let count = tenant.user(&text(&after["sub"])).json()["logins_count"].as_u64();
    assert!(count.is_some_and(|count| (2..=3).contains(&count)), "{count:?}");
}
