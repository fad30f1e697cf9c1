//! The routes of the hook beside those of `ligature serve`.

use serde_json::json;

use crate::http::{Request, send};
use crate::scene::{DATABASE, EMAIL};
use crate::service::{GOOGLE, PATH, Place, SECRET, codes, event, now, program, signed, signed_body};
use crate::serving::Tenant;

crate::tests![
    a_tenant_with_a_secret_answers_an_action,
    a_tenant_without_a_secret_has_no_hook,
    a_tenant_asks_by_its_own_page,
    a_secret_that_is_too_short_stops_the_start,
];

/// Starts a tenant with the account of the examples, and this policy.
fn start(place: &Place, policy: &serde_json::Value, more: &[&str]) -> Tenant {
    place.write("policy.json", policy.to_string());
    place.write("secret", SECRET);
    let config = include_str!("tenant.toml").replace("{hook}", "http://localhost:1");
    let policy = place.file("policy.json");
    let options =
        [&["--directory", &place.directory, "--policy", policy.to_str().expect("UTF-8")], more].concat();
    let mut command = program();
    let folder = place.file("tenant");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("tenant.toml");
    std::fs::write(&file, config).expect("a file is written");
    command.args(["serve", "--port", "0", "--tls-port", "0", "--config"]).arg(&file).args(options);
    command.env("LIGATURE_CONFIRM_CREDENTIALS_FILE", "confirm.toml").current_dir(place.folder.path());
    let log = std::fs::File::create(folder.join("log")).expect("a log");
    Tenant::spawned(command, log, &folder)
}

fn empty_place() -> Place {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    Place { folder, directory }
}

/// The Action is decided by the policy of the tenant, on the tenant's users.
fn a_tenant_with_a_secret_answers_an_action() {
    let place = empty_place();
    let policy = json!({ "mode": "auto", "trusted_connections": ["google-oauth2"] });
    let tenant = start(&place, &policy, &["--hook-secret-file", "secret"]);
    let unsigned = send(&tenant.http, &Request::post(PATH).json(&json!({ "event": event() })));
    assert_eq!((unsigned.status, unsigned.json()["error"].clone()), (401, json!("not_signed")));
    let request = signed(&event(), SECRET, now());
    let answer = send(&tenant.http, &request).json();
    assert_eq!(
        (&answer["action"], &answer["primary_user_id"]),
        (&json!("set_primary_user"), &json!(DATABASE))
    );
    assert_eq!(place.links(), 1);
    let replayed = send(&tenant.http, &request);
    assert_eq!(replayed.json()["error"], "replayed");
    let other_method = send(&tenant.http, &Request::get(PATH));
    assert_eq!((other_method.status, &other_method.json()["error"]), (405, &json!("method_not_allowed")));
    let log = tenant.log();
    assert!(log.contains(&format!("{}v1/auth0/post-login", tenant.http)), "{log}");
    // The tenant itself still answers.
    assert_eq!(send(&tenant.http, &Request::get("/healthz")).status, 200);
    assert_eq!(send(&tenant.http, &Request::get("/.well-known/jwks.json")).status, 200);
}

fn a_tenant_without_a_secret_has_no_hook() {
    let place = empty_place();
    let tenant = start(&place, &json!({ "mode": "auto" }), &[]);
    assert!(!tenant.log().contains(PATH), "{}", tenant.log());
    for path in [PATH, "/v1/auth0/continue", "/v1/confirm"] {
        assert_eq!(send(&tenant.http, &Request::get(path)).status, 404, "{path}");
    }
    let response = send(&tenant.http, &signed(&event(), SECRET, now()));
    assert_eq!(response.status, 404, "{}", response.text());
}

fn a_tenant_asks_by_its_own_page() {
    let place = empty_place();
    place.write(
        "confirm.toml",
        "client_id = \"confirm\"\nclient_secret = \"the-secret-of-the-confirmation\"\n",
    );
    set_private(&place.file("confirm.toml"));
    let options = [
        "--hook-secret-file",
        "secret",
        "--confirm-url",
        "http://localhost:1",
        "--confirm-tenant",
        "localhost:1",
    ];
    let tenant = start(&place, &json!({ "mode": "suggest" }), &options);
    let body = json!({ "event": event(), "can_redirect": true }).to_string();
    let answer = send(&tenant.http, &signed_body(body, SECRET, now())).json();
    assert_eq!(
        (&answer["action"], &answer["url"]),
        (&json!("redirect"), &json!("http://localhost:1/v1/confirm"))
    );
    let target = format!("/v1/confirm?token={}&state=s", answer["token"].as_str().expect("a token"));
    let agent = event()["request"]["user_agent"].as_str().expect("a user agent").to_owned();
    let page = send(&tenant.http, &Request::get(target).header("user-agent", agent));
    assert!(page.text().contains("You already have an account") && page.text().contains(EMAIL));
    let user = place.json(&["users", "show", GOOGLE]);
    assert_eq!(user["app_metadata"]["linking"]["prompts"], 1, "{user}");
    assert!(codes(&answer).len() == 1 && place.links() == 0, "{answer}");
}

#[cfg(unix)]
fn set_private(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("permissions");
}

fn a_secret_that_is_too_short_stops_the_start() {
    let place = empty_place();
    place.write("short", "too short");
    let output = program()
        .args(["serve", "--port", "0", "--tls-port", "0", "--hook-secret-file", "short"])
        .env("LIGATURE_STATE", place.file("state"))
        .current_dir(place.folder.path())
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("expected at least 32"), "{said}");
}
