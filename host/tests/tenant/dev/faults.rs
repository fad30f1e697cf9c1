//! `/dev/faults` and `[[faults]]`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::tenants::{Tenant, by_id, database_user, text, user};

crate::tests![
    a_fault_comes_n_times,
    faults_of_the_configuration,
    a_fault_without_a_route_stops_the_start,
    a_lost_answer_of_a_link_is_found_out,
    a_delay,
    a_fault_speaks_as_its_api_does,
    no_fault_is_taken_from_another_origin,
    refused_faults_change_nothing,
    a_reset_ends_the_faults_of_requests,
];

const MACHINE: &str = r#"
[[clients]]
client_id = "machine"
name = "A machine"
client_secret = "the secret of the machine"
grant_types = ["client_credentials"]
scopes = ["read:users", "update:users"]
"#;

fn tenant(more: &str) -> Tenant {
    let ada = database_user("ada", "ada@example.com");
    let google = user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    Tenant::with(&format!("{MACHINE}{more}{ada}{google}"))
}

fn put(tenant: &Tenant, faults: &Value) -> Response {
    tenant.send(&Request::new("PUT", "/dev/faults").json(faults))
}

fn inject(tenant: &Tenant, faults: &Value) {
    let response = put(tenant, faults);
    assert_eq!(response.status, 200, "{}", response.text());
}

fn read_users(tenant: &Tenant, token: &str) -> Response {
    tenant.send(&Request::get("/api/v2/users").bearer(token))
}

fn a_fault_comes_n_times() {
    let tenant = tenant("");
    let token = tenant.client_token("machine");
    inject(&tenant, &json!([{ "method": "GET", "path": "/api/v2/users", "status": 429, "times": 2 }]));
    for sent in 1..=2 {
        let response = read_users(&tenant, &token);
        assert_eq!(response.status, 429, "{}", response.text());
        assert_eq!(response.header("retry-after"), Some("0"));
        assert_eq!(response.header("x-ratelimit-remaining"), Some("0"));
        let reset: u64 = response.header("x-ratelimit-reset").expect("a time").parse().expect("seconds");
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
        assert!(reset.abs_diff(now) <= 2, "{reset} and {now}");
        assert_eq!(tenant.send(&Request::get("/dev/faults")).json()[0]["requests"], sent);
    }
    assert_eq!(read_users(&tenant, &token).status, 200);
    // The same route with another method, and another route, have no fault.
    inject(
        &tenant,
        &json!([{ "method": "GET", "path": "/api/v2/users/{id}", "status": 500, "retry_after_s": 7 }]),
    );
    assert_eq!(read_users(&tenant, &token).status, 200);
    let patch = Request::new("PATCH", "/api/v2/users/auth0%7Cada").json(&json!({ "name": "Ada" }));
    assert_eq!(tenant.send(&patch.bearer(&token)).status, 200);
    let response = tenant.send(&Request::get("/api/v2/users/auth0%7Cada").bearer(&token));
    assert_eq!((response.status, response.header("retry-after")), (500, Some("7")));

    inject(&tenant, &json!([{ "method": "GET", "path": "/api/v2/users", "status": 500, "times": 1000 }]));
    assert_eq!(tenant.send(&Request::new("DELETE", "/dev/faults")).status, 204);
    assert_eq!(read_users(&tenant, &token).status, 200);
    assert_eq!(tenant.send(&Request::get("/dev/faults")).json(), json!([]));
}

fn faults_of_the_configuration() {
    let faults = "\n[[faults]]\nmethod = \"GET\"\npath = \"/api/v2/users\"\nstatus = 503\n";
    let tenant = tenant(faults);
    let token = tenant.client_token("machine");
    assert_eq!(read_users(&tenant, &token).status, 503);
    assert_eq!(read_users(&tenant, &token).status, 200);
    assert!(tenant.running.log().contains("the tenant injects faults"), "the start says so");
    assert_eq!(tenant.send(&Request::post("/dev/reset")).status, 204);
    assert_eq!(read_users(&tenant, &token).status, 503, "after a reset it comes again");
}

fn a_fault_without_a_route_stops_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tenant.toml");
    let faults = "\n[[faults]]\nmethod = \"GET\"\npath = \"/api/v2/usrs\"\nstatus = 503\n";
    std::fs::write(&file, format!("{}{faults}", crate::tenants::CONFIG)).expect("a file");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ligature"));
    command.args(["serve", "--port", "0", "--tls-port", "0", "--config"]).arg(&file);
    let ended = command.env("LIGATURE_STATE", folder.path().join("state")).output().expect("it runs");
    let error = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{error}");
    assert!(error.contains("[[faults]], fault 1: path: no faults are injected at `/api/v2/usrs`"), "{error}");
    assert!(error.contains("did you mean `/api/v2/users`?"), "{error}");
}

/// The link is made, and its response is lost: a second request reports that the link exists.
fn a_lost_answer_of_a_link_is_found_out() {
    let tenant = tenant("");
    let token = tenant.client_token("machine");
    inject(
        &tenant,
        &json!([{ "method": "POST", "path": "/api/v2/users/{id}/identities", "status": 504, "after_effect": true }]),
    );
    let link = Request::post("/api/v2/users/auth0%7Cada/identities").json(&by_id("google-oauth2", "1080"));
    let link = link.bearer(&token);
    assert_eq!(tenant.send(&link).status, 504);
    let identities = tenant.user("auth0|ada").json()["identities"].clone();
    assert_eq!(identities.as_array().expect("identities").len(), 2, "{identities}");
    let again = tenant.send(&link);
    assert_eq!(again.status, 409, "{}", again.text());

    // Without the effect, nothing has happened.
    inject(
        &tenant,
        &json!([{ "method": "DELETE", "path": "/api/v2/users/{id}/identities/{provider}/{user_id}", "status": 502 }]),
    );
    let unlink =
        Request::new("DELETE", "/api/v2/users/auth0%7Cada/identities/google-oauth2/1080").bearer(&token);
    assert_eq!(tenant.send(&unlink).status, 502);
    assert_eq!(tenant.user("auth0|ada").json()["identities"].as_array().expect("identities").len(), 2);
    assert_eq!(tenant.send(&unlink).status, 200);
}

fn a_delay() {
    let tenant = tenant("");
    let token = tenant.client_token("machine");
    inject(&tenant, &json!([{ "method": "GET", "path": "/api/v2/users", "delay_ms": 700 }]));
    let begin = Instant::now();
    assert_eq!(read_users(&tenant, &token).status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(700), "{:?}", begin.elapsed());
    let begin = Instant::now();
    assert_eq!(read_users(&tenant, &token).status, 200);
    assert!(begin.elapsed() < Duration::from_millis(700), "{:?}", begin.elapsed());
}

fn a_fault_speaks_as_its_api_does() {
    let tenant = tenant("");
    inject(
        &tenant,
        &json!([
            { "method": "GET", "path": "/api/v2/users", "status": 503 },
            { "method": "POST", "path": "/oauth/token", "status": 503 },
            { "method": "GET", "path": "/authorize", "status": 500 },
        ]),
    );
    let problem = read_users(&tenant, "any").json();
    assert_eq!((&problem["statusCode"], &problem["error"]), (&json!(503), &json!("Service Unavailable")));
    let token = tenant.send(&Request::post("/oauth/token").form(&[])).json();
    assert_eq!(token["error"], "temporarily_unavailable");
    assert!(text(&token["error_description"]).contains("GET /dev/faults"));
    let page = tenant.send(&Request::get("/authorize").header("accept", "text/html"));
    assert_eq!(page.status, 500);
    assert!(page.text().contains("injected fault"), "{}", page.text());
}

fn no_fault_is_taken_from_another_origin() {
    let tenant = tenant("");
    let faults = json!([{ "method": "GET", "path": "/api/v2/users", "status": 500 }]);
    for method in ["PUT", "DELETE"] {
        for (name, value) in [("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")] {
            let request = Request::new(method, "/dev/faults").json(&faults).header(name, value);
            let response = tenant.send(&request);
            assert_eq!(response.status, 403, "{method} {name}");
            assert_eq!(response.header("access-control-allow-origin"), None);
        }
    }
    assert_eq!(tenant.send(&Request::get("/dev/faults")).json(), json!([]));
}

fn refused_faults_change_nothing() {
    let tenant = tenant("");
    let good = json!({ "method": "GET", "path": "/api/v2/users", "status": 503 });
    inject(&tenant, &json!([good]));
    let many = vec![good.clone(); 101];
    let long = json!([{ "method": "GET", "path": "/x".repeat(10_000), "status": 503 }]);
    for (faults, words) in [
        (
            json!([good, { "method": "GET", "path": "/nowhere", "status": 503 }]),
            "fault 2: path: no faults are injected at",
        ),
        (json!([{ "method": "GET", "path": "/dev/faults", "status": 503 }]), "fault 1: path: `/dev/faults`"),
        (json!([{ "method": "GET", "path": "/api/v2/users", "status": 99999 }]), "line 1, column "),
        (json!([{ "method": "GET", "path": "/api/v2/users", "sttus": 503 }]), "unknown field `sttus`"),
        (json!({}), "The faults were not changed"),
        (json!(many), "101 faults are too many"),
        (long, "no faults are injected at"),
    ] {
        let response = put(&tenant, &faults);
        assert_eq!(response.status, 400, "{}", response.text());
        let message = text(&response.json()["message"]);
        assert!(message.contains(words) && message.len() < 1_000, "{message}");
    }
    assert_eq!(put(&tenant, &json!("x".repeat(40_000))).status, 413);
    assert_eq!(tenant.send(&Request::new("PUT", "/dev/faults").body("text/plain", vec![0xff])).status, 400);
    assert_eq!(tenant.send(&Request::get("/dev/faults")).json()[0]["path"], "/api/v2/users");
}

fn a_reset_ends_the_faults_of_requests() {
    let tenant = tenant("");
    inject(&tenant, &json!([{ "method": "GET", "path": "/api/v2/users", "status": 500, "times": 10 }]));
    assert_eq!(tenant.send(&Request::post("/dev/reset")).status, 204);
    assert_eq!(read_users(&tenant, &tenant.client_token("machine")).status, 200);
}
