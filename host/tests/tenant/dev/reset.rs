//! `POST /dev/reset`.

use std::io::Write;

use serde_json::{Value, json};

use crate::http::{Request, answer, connect, host, send};
use crate::tenants::{
    DATABASE, PASSWORD, Tenant, by_google, by_password, database_user, login_form, open, redeem, text,
};

crate::tests![
    reset_is_the_seed_again,
    a_reset_keeps_the_keys_and_the_policies,
    a_database_is_not_reset,
    another_origin_does_not_reset,
    a_login_of_before_a_reset_writes_nothing,
    a_request_of_before_a_reset_writes_nothing,
    the_routes_of_the_hook_stay_over_a_reset,
    many_resets_take_no_memory,
];

/// A client that changes everything that a reset takes back.
const MACHINE: &str = r#"
[[clients]]
client_id = "machine"
name = "A machine"
client_secret = "the secret of the machine"
grant_types = ["client_credentials"]
scopes = [
    "create:connections", "create:organizations", "create:roles", "create:users", "delete:users", "read:connections",
    "read:logs", "read:organizations", "read:roles", "read:users", "update:users",
]

[[roles]]
name = "admin"
"#;

fn tenant() -> Tenant {
    Tenant::with(&format!("{MACHINE}{}", database_user("ada", "ada@example.com")))
}

fn reset(tenant: &Tenant) {
    let response = tenant.send(&Request::post("/dev/reset"));
    assert_eq!(response.status, 204, "{}", response.text());
}

/// Returns the lists of the Management API, and the outbox.
fn list_all(tenant: &Tenant, token: &str) -> Vec<Value> {
    ["users", "roles", "organizations", "connections", "logs"]
        .map(|path| {
            let response = tenant.send(&Request::get(format!("/api/v2/{path}")).bearer(token));
            assert_eq!(response.status, 200, "{path}: {}", response.text());
            let mut list = response.json();
            // The request for the token is an event, too.
            if path == "logs" {
                list.as_array_mut().expect("a list").retain(|event| event["type"] != "seccft");
            }
            list
        })
        .into_iter()
        .chain([tenant.send(&Request::get("/dev/outbox")).json()])
        .collect()
}

fn change(tenant: &Tenant, token: &str, method: &str, path: &str, body: &Value) {
    let request = Request::new(method, format!("/api/v2/{path}")).json(body).bearer(token);
    let response = tenant.send(&request);
    assert!(matches!(response.status, 200..=204), "{method} {path}: {}", response.text());
}

fn reset_is_the_seed_again() {
    let tenant = tenant();
    let token = tenant.client_token("machine");
    // The users of the configuration are created at a time of the start.
    let seed = |mut lists: Vec<Value>| {
        for user in lists[0].as_array_mut().expect("users") {
            user["updated_at"] = Value::Null;
        }
        lists
    };
    let before = seed(list_all(&tenant, &token));
    change(&tenant, &token, "PATCH", "users/auth0%7Cada", &json!({ "name": "Another", "blocked": true }));
    change(&tenant, &token, "POST", "users", &json!({ "connection": "email", "email": "new@example.com" }));
    change(&tenant, &token, "POST", "roles", &json!({ "name": "new" }));
    change(&tenant, &token, "POST", "organizations", &json!({ "name": "new" }));
    change(&tenant, &token, "POST", "connections", &json!({ "name": "new", "strategy": "auth0" }));
    let code = json!({ "client_id": "spa", "connection": "email", "email": "new@example.com" });
    assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&code)).status, 200);
    assert_ne!(seed(list_all(&tenant, &token)), before);

    reset(&tenant);
    assert_eq!(seed(list_all(&tenant, &token)), before);
    let again = tenant.password_tokens("web", "ada@example.com", "openid");
    assert!(again["id_token"].is_string(), "she is neither blocked nor locked: {again}");
    // A name that was taken before the reset is free.
    change(&tenant, &token, "POST", "connections", &json!({ "name": "new", "strategy": "auth0" }));
}

fn a_reset_keeps_the_keys_and_the_policies() {
    let tenant = tenant();
    let keys = || tenant.send(&Request::get("/.well-known/jwks.json")).json();
    let (before, token) = (keys(), tenant.client_token("web"));
    reset(&tenant);
    assert_eq!(keys(), before);
    let user = tenant.send(&Request::get("/api/v2/users/auth0%7Cada").bearer(&token));
    assert_eq!(user.status, 200, "a token of a client is valid: {}", user.text());
    assert_eq!(tenant.send(&Request::get("/readyz")).status, 200);
    let mut browser = tenant.browser();
    assert!(by_password(&mut browser, "ada@example.com", &[]).answer().contains_key("code"));
}

fn a_database_is_not_reset() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    let tenant = Tenant::started(&database_user("ada", "ada@example.com"), &["--directory", &directory]);
    let mut browser = tenant.browser();
    by_google(&mut browser, "1080", &[]);
    let response = tenant.send(&Request::post("/dev/reset"));
    assert_eq!(response.status, 409, "{}", response.text());
    let message = text(&response.json()["message"]);
    assert!(message.contains("is a database") && message.contains("without --directory"), "{message}");
    let refused = tenant.log_of("audit").into_iter().filter(|line| line["message"] == "a reset was refused");
    assert_eq!(refused.count(), 1);
    let users = tenant.send(&Request::get("/api/v2/users").bearer(&tenant.client_token("web"))).json();
    assert!(!users.as_array().expect("users").is_empty());
}

fn another_origin_does_not_reset() {
    let tenant = tenant();
    let token = tenant.client_token("machine");
    change(&tenant, &token, "PATCH", "users/auth0%7Cada", &json!({ "name": "Another" }));
    let own = tenant.http().trim_end_matches('/').to_owned();
    for (name, value) in [
        ("origin", "http://localhost:3000"),
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("host", "evil.test"),
    ] {
        let response = tenant.send(&Request::post("/dev/reset").header(name, value));
        assert!(matches!(response.status, 403 | 421), "{name}: {value}: {}", response.text());
        assert_eq!(response.header("access-control-allow-origin"), None);
        assert_eq!(tenant.user("auth0|ada").json()["name"], "Another", "{name}: {value}");
    }
    for (accept, kind) in [("text/html", "text/html; charset=utf-8"), ("*/*", "application/json")] {
        let explained = tenant.send(&Request::get("/dev/reset").header("accept", accept));
        assert_eq!((explained.status, explained.header("allow")), (405, Some("POST")));
        assert_eq!(explained.header("content-type"), Some(kind));
        let command = format!("curl -X POST {}dev/reset", tenant.http());
        assert!(explained.text().contains(&command), "{}", explained.text());
    }
    assert_eq!(tenant.user("auth0|ada").json()["name"], "Another");
    let response = tenant.send(&Request::post("/dev/reset").header("origin", own));
    assert_eq!(response.status, 204, "{}", response.text());
    assert_ne!(tenant.user("auth0|ada").json()["name"], "Another");
}

/// A login page, a code, a session, a refresh token and a mailed code of before the reset.
fn a_login_of_before_a_reset_writes_nothing() {
    let tenant = tenant();
    let mut open_page = tenant.browser();
    let state = open(&mut open_page, &[]);
    let mut logged_in = tenant.browser();
    let code = by_password(&mut logged_in, "ada@example.com", &[]).answer()["code"].clone();
    let mut new = tenant.browser();
    let tokens = redeem(&tenant, "web", &by_google(&mut new, "1080", &[]).answer()["code"]).json();
    let mail = json!({
        "client_id": "web", "client_secret": crate::tenants::secret_of("web"), "connection": "email",
        "send": "code", "email": "new@example.com",
    });
    assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&mail)).status, 200);
    let otp = text(&tenant.send(&Request::get("/dev/outbox")).json()[0]["code"]);
    reset(&tenant);
    let token = tenant.client_token("machine");
    let before = list_all(&tenant, &token);

    let fields = login_form(&state, "ada@example.com");
    let page = open_page.submit("/u/login", &fields);
    assert_eq!(page.status, 400, "{}", page.text());
    assert_eq!(redeem(&tenant, "web", &code).json()["error"], "invalid_grant");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*text(&tokens["refresh_token"]))];
    assert_eq!(tenant.token("web", &refresh).json()["error"], "invalid_grant");
    let silent = logged_in.get(&crate::tenants::authorize(&[("prompt", "none")])).answer();
    assert_eq!(silent["error"], "login_required");
    let by_otp = [
        ("grant_type", "http://auth0.com/oauth/grant-type/passwordless/otp"),
        ("realm", "email"),
        ("username", "new@example.com"),
        ("otp", &otp),
    ];
    assert_eq!(tenant.token("web", &by_otp).json()["error"], "invalid_grant");
    let userinfo = Request::get("/userinfo").bearer(&text(&tokens["access_token"]));
    assert_eq!(tenant.send(&userinfo).status, 401, "that user is gone");

    let after = list_all(&tenant, &token);
    assert_eq!((&after[0], &after[5]), (&before[0], &before[5]), "users and outbox");
}

/// The head of a request arrives before the reset, and its body after it.
fn a_request_of_before_a_reset_writes_nothing() {
    let tenant = tenant();
    let sign_up = json!({
        "client_id": "web", "connection": DATABASE, "email": "late@example.com", "password": PASSWORD,
    });
    let bytes = Request::post("/dbconnections/signup").json(&sign_up).bytes(host(tenant.http()));
    let mut stream = connect(tenant.http());
    let half = bytes.len() - 10;
    stream.write_all(&bytes[..half]).expect("the first half");
    // Until the tenant has read the head, the request has not arrived.
    std::thread::sleep(std::time::Duration::from_millis(300));
    reset(&tenant);
    stream.write_all(&bytes[half..]).expect("the second half");
    let response = answer(&mut stream).expect("an answer");
    assert_eq!(response.status, 200, "the tenant of before still answers: {}", response.text());
    let users = tenant.send(&Request::get("/api/v2/users").bearer(&tenant.client_token("web"))).json();
    let ids: Vec<_> = users.as_array().expect("users").iter().map(|user| text(&user["user_id"])).collect();
    assert_eq!(ids, ["auth0|ada"]);
    assert_eq!(tenant.send(&Request::get("/dev/outbox")).json(), json!([]));
}

/// The routes beside those of the tenant are mounted again.
fn the_routes_of_the_hook_stay_over_a_reset() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    }
    let secret = secret.to_str().expect("a path");
    let tenant = Tenant::started(MACHINE, &["--hook-secret-file", secret]);
    for _ in 0..2 {
        // Without a signature, the route refuses; without the route, the tenant knows no such path.
        let response = tenant.send(&Request::post("/v1/auth0/post-login").json(&json!({})));
        assert_eq!(response.status, 401, "{}", response.text());
        reset(&tenant);
    }
}

fn many_resets_take_no_memory() {
    let tenant = tenant();
    for _ in 0..20 {
        reset(&tenant);
    }
    let Some(before) = tenant.memory_kib() else { return };
    for _ in 0..200 {
        let response = send(tenant.http(), &Request::post("/dev/reset"));
        assert_eq!(response.status, 204);
    }
    let after = tenant.memory_kib().expect("it was known before");
    assert!(after < before + 30_000, "{before} KiB, then {after} KiB");
    tenant.assert_well();
}
