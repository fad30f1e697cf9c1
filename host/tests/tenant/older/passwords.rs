//! Passwords and codes at `/oauth/ro`.

use serde_json::{Value, json};

use super::{ORIGIN, both, code, config, owner_password, refused, tenant};
use crate::http::{Request, encoded};
use crate::tenants::{PASSWORD, Tenant, claims, text};

crate::tests![
    a_password_at_oauth_ro,
    a_mailed_code_at_oauth_ro,
    a_code_by_sms_at_oauth_ro,
    what_oauth_ro_refuses,
    whoever_guesses_at_oauth_ro_waits,
    pages_of_other_origins_at_oauth_ro,
    a_page_beside_the_callback_at_oauth_ro,
];

fn a_password_at_oauth_ro() {
    let tenant = tenant();
    for request in both("/oauth/ro", &owner_password("ada@example.com", PASSWORD)) {
        let response = tenant.send(&request);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
        let tokens = response.json();
        let id = claims(&tokens["id_token"]);
        assert_eq!(
            (&id["sub"], &id["aud"], &id["email"], &tokens["token_type"]),
            (&json!("auth0|ada"), &json!("spa"), &json!("ada@example.com"), &json!("Bearer"))
        );
        assert!(!tokens.as_object().expect("an object").contains_key("refresh_token"));
    }
    // A program that is no page, and a scope that is none: the plugin is asked
    // all the same, and a refresh token comes along where it is asked for.
    let mut fields = owner_password("ada@example.com", PASSWORD);
    fields.retain(|(name, _)| *name != "scope");
    fields.extend([("scope", "openid offline_access"), ("device", "a phone")]);
    let response = tenant.send(&Request::post("/oauth/ro").form(&fields));
    assert!(response.json()["refresh_token"].is_string(), "{}", response.text());
    let decided = |line: &Value| line["protocol"] == "oauth2-resource-owner" && line["client"] == "spa";
    assert!(tenant.log_of("login").iter().any(decided));
}

fn once(tenant: &Tenant, connection: &str, to: &str) -> Value {
    let code = code(tenant, to);
    let mut fields = owner_password(to, &code);
    fields.iter_mut().find(|(name, _)| *name == "connection").expect("it is there").1 = connection;
    let response = tenant.send(&Request::post("/oauth/ro").form(&fields).header("origin", ORIGIN));
    assert_eq!(response.status, 200, "{}", response.text());
    let again = tenant.send(&Request::post("/oauth/ro").form(&fields).header("origin", ORIGIN));
    assert_eq!(
        (again.status, &again.json()["error"]),
        (401, &json!("invalid_user_password")),
        "a code is good once"
    );
    response.json()
}

fn a_mailed_code_at_oauth_ro() {
    let tenant = tenant();
    let start =
        [("client_id", "spa"), ("connection", "email"), ("email", "mail@example.com"), ("send", "code")];
    assert_eq!(tenant.send(&Request::post("/passwordless/start").form(&start)).status, 200);
    let tokens = once(&tenant, "email", "mail@example.com");
    assert_eq!(claims(&tokens["id_token"])["email"], "mail@example.com");
}

fn a_code_by_sms_at_oauth_ro() {
    let tenant = tenant();
    let start = [("client_id", "spa"), ("connection", "sms"), ("phone_number", "+15550100")];
    assert_eq!(tenant.send(&Request::post("/passwordless/start").form(&start)).status, 200);
    let tokens = once(&tenant, "sms", "+15550100");
    assert!(text(&claims(&tokens["id_token"])["sub"]).starts_with("sms|"));
}

fn what_oauth_ro_refuses() {
    let tenant = tenant();
    for (name, value, status, error) in [
        ("password", "wrong", 401, "invalid_user_password"),
        ("password", "", 400, "invalid_request"),
        ("username", "nobody@example.com", 401, "invalid_user_password"),
        ("client_id", "nobody", 400, "invalid_request"),
        ("client_id", "machine", 403, "unauthorized_client"),
        ("connection", "", 400, "invalid_request"),
        ("connection", "nowhere", 400, "invalid_request"),
        ("connection", "google-oauth2", 400, "invalid_request"),
        // A user of another database.
        ("connection", "Staff", 401, "invalid_user_password"),
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", 400, "unsupported_grant_type"),
        ("client_secret", "not the secret of it", 401, "access_denied"),
        ("audience", "https://api.example.com/", 400, "invalid_request"),
        ("scope", "openid link_account", 400, "invalid_request"),
    ] {
        let mut fields = owner_password("ada@example.com", PASSWORD);
        fields.retain(|(other, _)| *other != name);
        fields.push((name, value));
        let response = tenant.send(&Request::post("/oauth/ro").form(&fields).header("origin", ORIGIN));
        let (got, code, _) = refused(&response);
        assert_eq!((got, code.as_str()), (status, error), "{name}: {value}");
    }
    // A password in an address ends up in logs.
    let query = encoded(&owner_password("ada@example.com", PASSWORD));
    assert_eq!(tenant.send(&Request::get(format!("/oauth/ro?{query}"))).status, 405);
    let patch = Request::new("PATCH", "/api/v2/users/auth0|bob").json(&json!({ "blocked": true }));
    assert_eq!(tenant.send(&patch.bearer(&tenant.client_token("web"))).status, 200);
    let blocked = Request::post("/oauth/ro").form(&owner_password("bob@example.com", PASSWORD));
    let (status, error, words) = refused(&tenant.send(&blocked));
    assert_eq!((status, error.as_str(), words.as_str()), (401, "unauthorized", "user is blocked"));
}

fn whoever_guesses_at_oauth_ro_waits() {
    let tenant = Tenant::configured(&config("legacy = true"), &[]);
    let guess = |password| {
        tenant.send(&Request::post("/oauth/ro").form(&owner_password("cem@example.com", password))).status
    };
    let statuses: Vec<u16> = (0..11).map(|n| guess(["one", "two"][n % 2])).collect();
    assert_eq!((statuses[0], statuses[10]), (401, 429), "{statuses:?}");
    assert_eq!(guess(PASSWORD), 429, "the right one, too");
    // Codes as well.
    let start = [("client_id", "spa"), ("connection", "sms"), ("phone_number", "+15550111")];
    tenant.send(&Request::post("/passwordless/start").form(&start));
    let code = code(&tenant, "+15550111");
    let try_code = |secret: &str| {
        let mut fields = owner_password("+15550111", secret);
        fields.iter_mut().find(|(name, _)| *name == "connection").expect("it is there").1 = "sms";
        tenant.send(&Request::post("/oauth/ro").form(&fields)).status
    };
    let wrong: Vec<u16> = (0..4).map(|_| try_code("000000x")).collect();
    assert_eq!(wrong, [401; 4]);
    assert_eq!(try_code(&code), 401, "it is gone after three");
}

fn pages_of_other_origins_at_oauth_ro() {
    let tenant = tenant();
    for origin in ["http://evil.test", "null", "http://localhost:3001", "http://localhost:3000.evil.test"] {
        let request = Request::post("/oauth/ro").form(&owner_password("ada@example.com", PASSWORD));
        let response = tenant.send(&request.header("origin", origin));
        assert_eq!(response.status, 403, "{origin}: {}", response.text());
        assert!(!response.text().contains("token\""), "{origin}: {}", response.text());
    }
}

/// Checks that only a page with the origin of a callback may ask.
fn a_page_beside_the_callback_at_oauth_ro() {
    let tenant = tenant();
    let mut fields = owner_password("ada@example.com", PASSWORD);
    fields[0] = ("client_id", "pages");
    for (origin, status) in
        [("http://localhost:3003", 200), (ORIGIN, 403), ("http://localhost:30033", 403), ("null", 403)]
    {
        let response = tenant.send(&Request::post("/oauth/ro").form(&fields).header("origin", origin));
        assert_eq!(response.status, status, "{origin}: {}", response.text());
    }
}
