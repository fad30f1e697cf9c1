//! Tests of exports: jobs that write every user into one file.

use std::io::Read;

use serde_json::{Value, json};

use super::{Machine, needs_a_scope, tenant};
use crate::http::{Request, Response};
use crate::tenants::{Tenant, database_user, text, user};

crate::tests![
    users_are_exported_as_lines,
    fields_are_exported_under_other_names,
    a_csv_file_holds_no_formula,
    a_file_is_for_whoever_knows_its_name,
    exports_need_their_scopes,
];

/// Users of `with_people`.
const PEOPLE: usize = 3;

fn with_people() -> Tenant {
    let formula =
        database_user("eve", "eve@example.com") + "name = \"=HYPERLINK(\\\"http://evil.example\\\")\"\n";
    let google = user("google-oauth2|1080", "hopper@example.com", "google-oauth2");
    tenant(&(database_user("ada", "ada@example.com") + &formula + &google))
}

fn exported(machine: &Machine<'_>, body: &Value) -> Value {
    let begun = machine.ask("POST", "jobs/users-exports", body);
    assert_eq!(begun.status, 200, "{}", begun.text());
    let begun = begun.json();
    assert_eq!((&begun["status"], &begun["type"]), (&json!("pending"), &json!("users_export")));
    let job = machine.get(&format!("jobs/{}", text(&begun["id"])));
    assert_eq!((&job["status"], &job["format"]), (&json!("completed"), &begun["format"]));
    job
}

fn fetched(tenant: &Tenant, job: &Value) -> Response {
    let location = text(&job["location"]);
    let path =
        location.strip_prefix(tenant.http().trim_end_matches('/')).expect("the tenant's own").to_owned();
    tenant.send(&Request::get(path))
}

fn unzipped(response: &Response) -> String {
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/gzip")));
    let mut text = String::new();
    flate2::read::GzDecoder::new(response.body.as_slice()).read_to_string(&mut text).expect("gzip");
    text
}

fn users_are_exported_as_lines() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let file = unzipped(&fetched(&tenant, &exported(&machine, &json!({ "format": "json" }))));
    let users: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(
        users.iter().map(|it| text(&it["user_id"])).collect::<Vec<_>>(),
        ["auth0|ada", "auth0|eve", "google-oauth2|1080"]
    );
    assert_eq!(users[0], machine.get("users/auth0%7Cada"));
    assert!(!file.contains("argon2") && !file.contains("password"), "{file}");

    let limited = unzipped(&fetched(&tenant, &exported(&machine, &json!({ "limit": 1 }))));
    assert_eq!(limited.lines().count(), 1);
    let google = json!({ "connection_id": "con_CCCCCCCCCCCCCCCC" });
    let google = unzipped(&fetched(&tenant, &exported(&machine, &google)));
    assert!(google.lines().count() == 1 && google.contains("google-oauth2|1080"), "{google}");
    let unknown = machine.refusal("POST", "jobs/users-exports", &json!({ "connection_id": "con_x" }));
    assert_eq!(unknown, (404, "The connection does not exist".to_owned()));
}

fn fields_are_exported_under_other_names() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let fields = json!([{ "name": "email", "export_as": "mail" }, { "name": "identities[0].connection" }, { "name": "user_metadata.none" }]);
    let file = exported(&machine, &json!({ "fields": fields, "connection_id": "con_CCCCCCCCCCCCCCCC" }));
    let line = json!({ "mail": "hopper@example.com", "identities[0].connection": "google-oauth2" });
    assert_eq!(
        serde_json::from_str::<Value>(&unzipped(&fetched(&tenant, &file))).expect("it is there"),
        line
    );
    let file = exported(
        &machine,
        &json!({ "format": "csv", "fields": fields, "connection_id": "con_CCCCCCCCCCCCCCCC" }),
    );
    let csv = "\"mail\",\"identities[0].connection\",\"user_metadata.none\"\r\n\"hopper@example.com\",\"google-oauth2\",\r\n";
    assert_eq!(unzipped(&fetched(&tenant, &file)), csv);
    // An export holds no field that the directory keeps beside a user.
    let secret = json!({ "fields": [{ "name": "password" }, { "name": "roles" }] });
    let file = unzipped(&fetched(&tenant, &exported(&machine, &secret)));
    assert_eq!(file.lines().collect::<Vec<_>>(), vec!["{}"; PEOPLE]);
}

fn a_csv_file_holds_no_formula() {
    let tenant = with_people();
    let body = json!({ "format": "csv", "fields": [{ "name": "name", "export_as": "=1+1" }] });
    let file = unzipped(&fetched(&tenant, &exported(&Machine::of(&tenant), &body)));
    let lines: Vec<&str> = file.split("\r\n").collect();
    assert_eq!(lines[0], "\"'=1+1\"");
    assert_eq!(lines[2], "\"'=HYPERLINK(\"\"http://evil.example\"\")\"");
}

fn a_file_is_for_whoever_knows_its_name() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let job = exported(&machine, &json!({}));
    let file = fetched(&tenant, &job);
    assert_eq!(file.header("cache-control"), Some("no-store"));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"users.json.gz\""));
    assert_eq!(file.header("access-control-allow-origin"), None);
    let location = text(&job["location"]);
    let (_, path) = location.split_once("/exports/").expect("it is there");
    let (secret, name) = path.split_once('/').expect("it is there");
    assert!(secret.len() >= 43, "{secret}");
    for path in [
        format!("/exports/{secret}/other.gz"),
        format!("/exports/{}/{name}", "A".repeat(43)),
        format!("/exports/x/{name}"),
    ] {
        assert_eq!(tenant.send(&Request::get(&path)).status, 404, "{path}");
    }
    // The log does not contain the secret either.
    assert!(tenant.log().iter().all(|line| !line.to_string().contains(secret)));
    // Each export has its own file name.
    assert_ne!(exported(&machine, &json!({}))["location"], job["location"]);
}

fn exports_need_their_scopes() {
    let tenant = with_people();
    needs_a_scope(&tenant, &[("POST", "jobs/users-imports")]);
    let own = tenant.password_tokens("web", "ada@example.com", "openid read:current_user");
    for path in ["jobs/users-exports", "jobs/job_1", "jobs/job_1/errors"] {
        let method = if path.ends_with("exports") { "POST" } else { "GET" };
        let request = Request::new(method, format!("/api/v2/{path}"))
            .json(&json!({}))
            .bearer(&text(&own["access_token"]));
        assert_eq!(tenant.send(&request).status, 403, "{path}");
    }
    assert_eq!(
        Machine::of(&tenant).refusal("GET", "jobs/job_1", &json!({})),
        (404, "The job does not exist".to_owned())
    );
}
