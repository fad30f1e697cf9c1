//! A log without a reader, a log whose reader has closed it, and a log on a full
//! disk: the tenant answers as usual, counts the missing lines, and ends on request.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::Completion;
use serde_json::Value;

use crate::http::{Request, send};
use crate::serving;
use crate::tenants::{CONFIG, DATABASE, PASSWORD, REALM_GRANT, database_user, secret_of};

crate::tests![
    a_pipe_that_nobody_reads,
    a_pipe_that_nobody_can_read,
    a_disk_that_is_full,
    a_ready_line_for_nobody
];

fn config() -> String {
    format!("{CONFIG}{}", database_user("ada", "ada@example.com"))
}

/// A log-in, of which the log has a line.
fn log_in(tenant: &serving::Tenant) -> u16 {
    let fields = [
        ("client_id", "web"),
        ("client_secret", secret_of("web").expect("a secret")),
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
    ];
    send(&tenant.http, &Request::post("/oauth/token").form(&fields)).status
}

/// Something to be refused and told, in some hundred bytes.
fn refused(tenant: &serving::Tenant) {
    let response = send(&tenant.http, &Request::get("/userinfo").bearer("none"));
    assert_eq!(response.status, 401);
}

/// The lines that are missing, as the tenant counts them.
fn missing(tenant: &serving::Tenant) -> u64 {
    let page = send(&tenant.http, &Request::get("/metrics")).text();
    let line = page.lines().find_map(|line| line.strip_prefix("ligature_log_lines_missing_total "));
    line.unwrap_or_else(|| panic!("it is not counted: {page}")).parse().expect("a number")
}

/// A link by an application is answered as it was carried out.
fn link(tenant: &serving::Tenant) {
    let fields = [
        ("client_id", "web"),
        ("client_secret", secret_of("web").expect("a secret")),
        ("grant_type", "client_credentials"),
        ("audience", &format!("{}api/v2/", tenant.http)),
    ];
    let token = send(&tenant.http, &Request::post("/oauth/token").form(&fields)).json();
    let link = Request::post("/api/v2/users/auth0%7Cada/identities")
        .json(&crate::tenants::by_id("auth0", "eve"))
        .bearer(token["access_token"].as_str().expect("a token"));
    let linked = send(&tenant.http, &link);
    assert_eq!(linked.status, 201, "{}", linked.text());
}

/// Asserts that logins go on after the queue of log lines is full, and that the program ends in
/// time.
fn goes_on(tenant: serving::Tenant) {
    for _ in 0..20 {
        assert_eq!(log_in(&tenant), 200);
    }
    link(&tenant);
    let until = Instant::now() + Duration::from_mins(2);
    let before = missing(&tenant);
    while missing(&tenant) <= before {
        assert!(Instant::now() < until, "no line is missing");
        (0..100).for_each(|_| refused(&tenant));
    }
    assert_eq!(log_in(&tenant), 200);
    tenant.stop();
}

fn two_users() -> String {
    config() + &database_user("eve", "eve@example.com")
}

fn a_pipe_that_nobody_can_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let tenant = serving::Tenant::logging_to(writer, folder.path(), &two_users(), &[]);
    drop(reader);
    goes_on(tenant);
}

fn a_disk_that_is_full() -> Completion {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return Completion::ignored_with("there is no /dev/full on this machine");
    };
    goes_on(serving::Tenant::logging_to(full, folder.path(), &two_users(), &[]));
    Completion::Completed
}

/// Checks that a late reader gets the lines in order, with a line in the place of the lost ones.
fn a_pipe_that_nobody_reads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let tenant = serving::Tenant::logging_to(writer, folder.path(), &two_users(), &["--log-format", "json"]);
    let mut sent = 0;
    while missing(&tenant) == 0 {
        assert!(sent < 100_000, "no line is missing");
        (0..500).for_each(|_| refused(&tenant));
        sent += 500;
    }
    assert_eq!(log_in(&tenant), 200);
    link(&tenant);
    let missing = missing(&tenant);

    let lines = Arc::new(Mutex::new(Vec::new()));
    let reading = std::thread::spawn({
        let lines = lines.clone();
        move || read_lines(reader, &lines)
    });
    let is_told = || lines.lock().expect("lines").iter().any(|line: &Value| line["target"] == "log");
    let until = Instant::now() + Duration::from_mins(1);
    while !is_told() {
        assert!(Instant::now() < until, "it never says that lines are missing");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(log_in(&tenant), 200);
    tenant.stop();
    reading.join().expect("it is read");
    let lines = std::mem::take(&mut *lines.lock().expect("lines"));
    let told: u64 =
        lines.iter().filter(|line| line["target"] == "log").filter_map(|line| line["lines"].as_u64()).sum();
    assert_eq!(told, missing, "the log says how many lines are missing");
    let written = lines.iter().filter(|line| line["message"] == "a bearer token was refused").count();
    // A log-in, the new hash of its password, a link and its notices are among those that are missing.
    assert!(
        (sent - missing..=sent - missing + 4).contains(&(written as u64)),
        "{written} of {sent}, less {missing}"
    );
    let gap = lines.iter().position(|line| line["target"] == "log").expect("a gap");
    let late = lines[gap..].iter().filter(|line| line["message"] == "login decided").count();
    assert!(late > 0, "what came later stands behind it");

    // And one that is never read ends as well.
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    let folder = tempfile::tempdir().expect("a temporary folder");
    goes_on(serving::Tenant::logging_to(writer, folder.path(), &two_users(), &[]));
}

fn read_lines(reader: PipeReader, lines: &Mutex<Vec<Value>>) {
    for line in BufReader::new(reader).lines() {
        let line = line.expect("text");
        let line = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
        lines.lock().expect("lines").push(line);
    }
}

/// Standard output has no reader.
fn a_ready_line_for_nobody() {
    // None that the system gives to others meanwhile.
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = (20_000..30_000).rev().find(is_free).expect("a free port");
    let address = format!("http://localhost:{port}/");
    for place in ["a closed pipe", "a full disk"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let place: std::process::Stdio = match place {
            "a closed pipe" => writer.into(),
            _ => match File::options().write(true).open("/dev/full") {
                Ok(full) => full.into(),
                Err(_) => continue,
            },
        };
        let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_ligature"))
            .args(["serve", "--port", &port.to_string(), "--tls-port", "0", "--state"])
            .arg(folder.path().join("state"))
            .stdin(std::process::Stdio::null())
            .stdout(place)
            .stderr(File::create(folder.path().join("log")).expect("a log"))
            .spawn()
            .expect("the program runs");
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let until = Instant::now() + Duration::from_mins(2);
        while !log().contains("clients and their secrets") {
            assert!(Instant::now() < until, "it is not ready: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(send(&address, &Request::get("/healthz")).status, 200);
        let kill =
            std::process::Command::new("sh").args(["-c", "kill -TERM $0", &server.id().to_string()]).status();
        assert!(kill.is_ok_and(|status| status.success()));
        let status = serving::end(&mut server, Duration::from_secs(30));
        let log = log();
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}
