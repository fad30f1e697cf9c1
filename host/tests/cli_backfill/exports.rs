//! The bulk export of a tenant, whose server misbehaves.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ligature_host::ambient::Ambient;
use ligature_host::auth0::{ClientCredentials, EXPORTED_FIELDS, ManagementClient};
use ligature_host::backfill::{BackfillError, TenantExport, Unwatched};
use ligature_host::clock::ManualClock;
use ligature_host::random::SeededRandom;
use serde_json::{Value, json};

use crate::place::{Place, Ran};
use crate::standin::{Seen, Standin, Step, answer, json as answer_json};
use crate::user_base::{USERS, place};

const JOB: &str = "/api/v2/jobs/job_1";
const FILE: &str = "/exports/s3cret/users.json.gz";

/// Starts a tenant with the users of [`USERS`], where all is well unless the rule says otherwise.
fn tenant(rule: impl Fn(&Seen) -> Option<Step> + Send + Sync + 'static) -> Standin {
    Standin::start(move |seen| rule(seen).or_else(|| usual(seen)).map(|step| vec![step]))
}

fn usual(seen: &Seen) -> Option<Step> {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    match path {
        "/api/v2/jobs/users-exports" => Some(ok(&json!({ "id": "job_1", "status": "pending" }))),
        JOB => Some(finished(seen)),
        FILE => Some(file(&gzip(USERS))),
        "/api/v2/users-by-email" => Some(ok(&find_users(query))),
        _ if path.ends_with("/roles") => Some(ok(&json!([]))),
        _ => None,
    }
}

fn ok(body: &Value) -> Step {
    answer_json("200 OK", "", &body.to_string())
}

fn finished(seen: &Seen) -> Step {
    let location = format!("http://{}{FILE}", seen.header("host"));
    ok(&json!({ "id": "job_1", "status": "completed", "location": location }))
}

fn find_users(query: &str) -> Value {
    let email = query.trim_start_matches("email=").replace("%40", "@");
    let users = USERS.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    users.filter(|user| user["email"] == email.as_str()).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).expect("it is written to memory");
    gzip.finish().expect("it is written to memory")
}

fn file(bytes: &[u8]) -> Step {
    file_of_length(bytes, bytes.len())
}

fn file_of_length(bytes: &[u8], length: usize) -> Step {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/gzip\r\ncontent-length: {length}\r\n\r\n");
    Step::Send([head.as_bytes(), bytes].concat())
}

fn command(place: &Place, tenant: &Standin, more: &[&str]) -> Command {
    let directory = format!("auth0://127.0.0.1:{}", tenant.port());
    let preview = ["backfill", "preview", "--policy", "policy.json", "--report", "report"];
    let mut command = place.command(&[&preview[..], &["--directory", directory.as_str()], more].concat());
    command.env("LIGATURE_AUTH0_CLIENT_ID", "an-id").env("LIGATURE_AUTH0_CLIENT_SECRET", "a-secret");
    // The temporary file is in the report's folder, and nowhere else.
    command.env("TMPDIR", "/dev/null");
    command
}

fn preview(place: &Place, tenant: &Standin) -> Ran {
    Ran::read(command(place, tenant, &["--json"]).output().expect("the program runs"))
}

/// Previews, expects a failure, and returns its sentence. Nothing is left of the report.
fn refuse(tenant: &Standin) -> String {
    let place = place();
    let ran = preview(&place, tenant);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
    assert!(!ran.stderr.contains("s3cret"), "the URL is a permission: {}", ran.stderr);
    assert_eq!(list(&place), ["policy.json", "users.ndjson"]);
    ran.stderr
}

pub(crate) fn list(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path()).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn an_export_job_is_waited_for_and_its_file_downloaded() {
    let tenant = tenant(|seen| match (seen.path.as_str(), seen.earlier) {
        (JOB, 0) => Some(ok(&json!({ "id": "job_1", "status": "pending" }))),
        (JOB, 1) => Some(answer_json("429 Too Many Requests", "retry-after: 0\r\n", "{}")),
        (JOB, 2) => Some(answer("503 Service Unavailable", "", "")),
        (JOB, 3) => Some(ok(&json!({ "id": "job_1", "status": "processing", "percentage_done": 40 }))),
        _ => None,
    });
    let place = place();
    let ran = preview(&place, &tenant);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let tally: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&tally["groups"], &tally["groups_by_kind"]["LINK"]), (&json!(2), &json!(1)), "{tally}");

    let begun = tenant.requests("/api/v2/jobs/users-exports");
    let names: Vec<Value> = EXPORTED_FIELDS.iter().map(|name| json!({ "name": name })).collect();
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].json(), json!({ "format": "json", "fields": names }));
    assert!(names.len() <= 30, "Auth0 exports at most 30 fields");
    let files = tenant.requests(FILE);
    assert_eq!((files.len(), files[0].header("authorization")), (1, ""));
    // Users are never read page by page, and one by one only those of groups.
    assert!(tenant.requests("/api/v2/users?").is_empty());
    assert_eq!(tenant.requests("/api/v2/users-by-email").len(), 2);
    assert_eq!(tenant.requests("/api/v2/users/").len(), 2, "the roles of the accounts that would be linked");
}

/// A tenant's user has its roles elsewhere. At a login, the event has them.
#[test]
fn an_account_with_a_privileged_role_is_not_linked() {
    let tenant = tenant(|seen| {
        let is_of_google = seen.path == "/api/v2/users/google-oauth2%7C2/roles?per_page=50&page=0";
        is_of_google.then(|| ok(&json!([{ "id": "rol_1", "name": "admin" }])))
    });
    let ran = preview(&place(), &tenant);
    let tally: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    assert_eq!(tally["groups_by_kind"]["LINK"], 0, "{tally}");
    assert_eq!(tally["reasons"]["SUGGEST"]["PRIVILEGED_ACCOUNT"], 1, "{tally}");
}

/// The export is older than the tenant, and lacks what its fields cannot express.
#[test]
fn accounts_are_decided_as_the_tenant_has_them_now() {
    let tenant = tenant(|seen| {
        let is_looked_up = seen.path.starts_with("/api/v2/users-by-email?email=ada");
        is_looked_up.then(|| {
            let mut users = find_users("email=ada%40corp.com");
            users[0]["multifactor"] = json!(["guardian"]);
            ok(&users)
        })
    });
    let ran = preview(&place(), &tenant);
    let tally: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    assert_eq!(tally["reasons"]["SUGGEST"]["MFA_DOWNGRADE"], 1, "{tally}");
}

#[test]
fn a_failed_job_tells_its_reason() {
    let failed = |details: Value| {
        tenant(move |seen| {
            let job = json!({ "id": "job_1", "status": "failed", "status_details": details });
            (seen.path == JOB).then(|| ok(&job)).or_else(|| {
                let errors = json!([{ "message": "a timeout of ada@corp.com" }]);
                (seen.path == format!("{JOB}/errors")).then(|| ok(&errors))
            })
        })
    };
    let told = refuse(&failed(json!("too many users")));
    assert_eq!(told, "error: the tenant's export job job_1 has failed: too many users\n");
    let told = refuse(&failed(Value::Null));
    assert_eq!(told, "error: the tenant's export job job_1 has failed: a timeout of a…@corp.com\n");
}

#[test]
fn a_token_that_has_expired_is_replaced_once() {
    let passing = tenant(|seen| {
        let expired = answer_json("401 Unauthorized", "", r#"{"statusCode":401,"message":"Expired token"}"#);
        (seen.path == JOB && seen.header("authorization") == "Bearer token-1").then_some(expired)
    });
    assert_eq!(preview(&place(), &passing).code, Some(0));
    assert_eq!(passing.requests("/oauth/token").len(), 2);
    let lasting = tenant(|seen| {
        let expired = answer_json("401 Unauthorized", "", r#"{"statusCode":401,"message":"Expired token"}"#);
        (seen.path == JOB).then_some(expired)
    });
    assert!(refuse(&lasting).contains("the tenant refuses the request: Expired token (status 401)"));
}

#[test]
fn a_revoked_scope_is_named() {
    let tenant = tenant(|seen| {
        let refusal = r#"{"statusCode":403,"errorCode":"insufficient_scope","message":"Insufficient scope"}"#;
        (seen.path == "/api/v2/jobs/users-exports").then(|| answer_json("403 Forbidden", "", refusal))
    });
    let told = refuse(&tenant);
    assert!(
        told.contains("read:users of the Management API, which Ligature needs to export users"),
        "{told}"
    );
    assert!(told.contains("authorize it for the application in Auth0's dashboard"), "{told}");
}

#[test]
fn a_download_that_breaks_off_is_tried_with_new_urls_and_told() {
    let closing = |times: usize| {
        Standin::start(move |seen| {
            let whole = gzip(USERS);
            if seen.path == FILE && seen.earlier < times {
                return Some(vec![file_of_length(&whole[..whole.len() / 2], whole.len()), Step::Close]);
            }
            usual(seen).map(|step| vec![step])
        })
    };
    let passing = closing(2);
    assert_eq!(preview(&place(), &passing).code, Some(0));
    assert_eq!(passing.requests(JOB).len(), 3, "each download asks for a new URL");
    let told = refuse(&closing(9));
    assert!(told.contains("the file of the tenant's export job job_1 cannot be downloaded: "), "{told}");
}

#[test]
fn a_file_that_is_cut_inside_is_told() {
    let tenant = tenant(|seen| {
        let whole = gzip(USERS);
        (seen.path == FILE).then(|| file(&whole[..whole.len() / 2]))
    });
    let told = refuse_with(&tenant, 2);
    assert!(told.contains("the export of auth0://127.0.0.1:"), "{told}");
    assert!(told.contains("its compressed data breaks off in the middle"), "{told}");
}

fn refuse_with(tenant: &Standin, code: i32) -> String {
    let place = place();
    let ran = preview(&place, tenant);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
    assert_eq!(list(&place), ["policy.json", "users.ndjson"]);
    ran.stderr
}

#[test]
fn a_page_instead_of_a_file_is_told() {
    let named = tenant(|seen| {
        let page = answer("200 OK", "content-type: text/html\r\n", "<!doctype html><title>Log in</title>");
        (seen.path == FILE).then_some(page)
    });
    assert!(refuse(&named).contains("the file of the export job is a page of HTML"));
    let unnamed = tenant(|seen| {
        (seen.path == FILE).then(|| answer("200 OK", "", "<!doctype html><title>Log in</title>"))
    });
    assert!(refuse_with(&unnamed, 2).contains("this is not JSON"));
}

#[test]
fn a_url_that_is_refused_is_asked_for_again_and_told() {
    let tenant = tenant(|seen| {
        (seen.path == FILE).then(|| answer("403 Forbidden", "", "<Error>Request has expired</Error>"))
    });
    let told = refuse(&tenant);
    assert!(told.contains("the server of the export's file refuses the download (status 403)"), "{told}");
    assert_eq!(tenant.requests(FILE).len(), 3);
}

#[test]
fn a_file_elsewhere_than_by_https_or_on_this_machine_is_not_downloaded() {
    for (location, why) in [
        ("http://192.0.2.1/users.json.gz", "its URL is not one of http on this machine"),
        ("file:///etc/passwd", "its URL is not one of http on this machine"),
        ("http://user:s3cret@127.0.0.1/users.json.gz", "its URL has a user name or a password"),
        ("nonsense", "its URL cannot be parsed"),
    ] {
        let tenant = tenant(move |seen| {
            let job = json!({ "id": "job_1", "status": "completed", "location": location });
            (seen.path == JOB).then(|| ok(&job))
        });
        let told = refuse(&tenant);
        assert!(told.contains(why), "{location}: {told}");
    }
    let redirecting = tenant(|seen| {
        (seen.path == FILE).then(|| answer("302 Found", "location: http://127.0.0.1:1/\r\n", ""))
    });
    assert!(refuse(&redirecting).contains("redirects to another address, which is not followed"));
}

/// A user may be found by several ways in which the accounts of a group write the address.
#[test]
fn an_account_that_is_found_twice_is_in_its_group_once() {
    let (tenant, place) = (
        tenant(|seen| {
            let is_looked_up = seen.path.starts_with("/api/v2/users-by-email");
            let users = USERS.replacen("ada@corp.com", "Ada@Corp.com", 1);
            if seen.path == FILE {
                return Some(file(&gzip(&users)));
            }
            // This tenant ignores the case.
            let found = users.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            let path = seen.path.to_ascii_lowercase();
            let found = found.filter(|user| {
                let email = user["email"].as_str().unwrap_or_default().to_ascii_lowercase();
                path.ends_with(&email.replace('@', "%40"))
            });
            is_looked_up.then(|| ok(&found.collect()))
        }),
        place(),
    );
    let ran = preview(&place, &tenant);
    let tally: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    assert_eq!(tenant.requests("/api/v2/users-by-email").len(), 3, "Ada's group has two ways");
    assert_eq!((&tally["groups"], &tally["accounts"]), (&json!(2), &json!(4)), "{tally}");
}

/// Fetches the export of a tenant, by this clock.
fn fetch(tenant: &Standin, clock: &Arc<ManualClock>) -> Result<fs::File, BackfillError> {
    let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
    let address = format!("auth0://127.0.0.1:{}", tenant.port()).parse().expect("an address");
    let client = ManagementClient::connect(address, ClientCredentials::new("an-id", "a-secret"), &ambient);
    let client = client.expect("a client");
    let folder = tempfile::tempdir().expect("a folder");
    TenantExport { client: &client, progress: &Unwatched, ambient: &ambient }.fetch(folder.path())
}

fn start_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().expect("a time")))
}

#[test]
fn a_download_that_stalls_is_given_up_after_a_minute() {
    let (clock, tenant) = (
        start_clock(),
        Arc::new(Standin::start(move |seen| {
            let whole = gzip(USERS);
            let begin = file_of_length(&whole[..whole.len() / 2], whole.len());
            let stalled = || vec![begin, Step::Pause(Duration::from_hours(1))];
            (seen.path == FILE).then(stalled).or_else(|| usual(seen).map(|step| vec![step]))
        })),
    );
    let ended = std::thread::scope(|scope| {
        let fetched = scope.spawn(|| fetch(&tenant, &clock));
        while !fetched.is_finished() {
            std::thread::sleep(Duration::from_millis(100));
            if !tenant.requests(FILE).is_empty() {
                clock.advance(Duration::from_secs(61));
            }
        }
        fetched.join().expect("a thread")
    });
    let told = ended.expect_err("nothing more arrives").to_string();
    assert_eq!(tenant.requests(FILE).len(), 3);
    assert!(told.ends_with("cannot be downloaded: the server has sent nothing for a minute"), "{told}");
}

/// Auth0 ends a job after eight hours.
#[test]
fn a_job_that_does_not_end_is_given_up_after_nine_hours() {
    let clock = start_clock();
    let at_each_look = clock.clone();
    let tenant = tenant(move |seen| {
        let is_job = seen.path == JOB;
        if is_job {
            at_each_look.advance(Duration::from_hours(1));
        }
        is_job.then(|| ok(&json!({ "id": "job_1", "status": "processing" })))
    });
    let failed = fetch(&tenant, &clock).err();
    assert!(matches!(failed, Some(BackfillError::ExportEndless { hours: 9, .. })), "{failed:?}");
    assert_eq!(tenant.requests(JOB).len(), 9);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_wait_for_a_job_and_leaves_nothing() {
    let tenant =
        tenant(|seen| (seen.path == JOB).then(|| ok(&json!({ "id": "job_1", "status": "processing" }))));
    let place = place();
    let mut command = command(&place, &tenant, &[]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    while tenant.requests(JOB).is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    interrupt(&child);
    let ended = Ran::read(child.wait_with_output().expect("the end"));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr, "error: the preview was stopped; nothing was written\n");
    assert_eq!(list(&place), ["policy.json", "users.ndjson"]);
}

pub(crate) fn interrupt(child: &std::process::Child) {
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signalled.expect("kill runs").success());
}
