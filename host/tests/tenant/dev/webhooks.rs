//! `[[webhooks]]`: events about users, posted to a URL.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ligature_test_servers::reserve_port;
use serde_json::{Value, json};

use crate::account::history::undo_of;
use crate::account::notices::{newest, object, token};
use crate::account::person::Person;
use crate::console::desk::{ADA, ADAS_GOOGLE, Desk, ENABLED};
use crate::http::Request;
use crate::logins::{AUTO, File};
use crate::tenants::{CONFIG, DATABASE, PASSWORD, Tenant, by_google, by_id, database_user, text, user};

crate::tests![
    each_way_to_change_a_user_is_seen,
    each_way_to_link_and_unlink_is_seen,
    its_signature_is_standard_webhooks,
    a_webhook_survives_a_kill,
    a_failed_event_comes_again_before_later_ones,
    a_redirect_is_not_followed,
    secrets_are_not_logged,
    a_reset_is_no_event,
];

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const MACHINE: &str = r#"
[[clients]]
client_id = "machine"
name = "A machine"
client_secret = "the secret of the machine"
grant_types = ["client_credentials"]
scopes = ["create:users", "delete:users", "read:users", "update:users"]
"#;

/// A request that the stand-in has received.
struct Posted {
    headers: Vec<(String, String)>,
    body: String,
}

impl Posted {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name}"))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A stand-in for an application, which answers with these statuses in turn, and then with 204.
struct Application {
    port: u16,
    posted: Receiver<Posted>,
}

impl Application {
    fn start(statuses: &'static [&'static str]) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").expect("a port"), statuses)
    }

    fn listen(listener: TcpListener, statuses: &'static [&'static str]) -> Self {
        let port = listener.local_addr().expect("an address").port();
        let (sender, posted) = channel();
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let Some(request) = read(&mut stream) else { continue };
                let status = statuses.next().copied().unwrap_or("204 No Content\r\n");
                let _ = write!(stream, "HTTP/1.1 {status}content-length: 0\r\nconnection: close\r\n\r\n");
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { port, posted }
    }

    fn config(&self, more: &str) -> String {
        webhook(self.port, more)
    }

    fn next(&self) -> Posted {
        self.posted.recv_timeout(Duration::from_secs(20)).expect("an event is posted")
    }

    /// The types of the next events, with what they are about.
    fn next_types(&self, count: usize) -> Vec<(String, String)> {
        let next = |_| {
            let event = self.next().json();
            let object = &event["data"]["object"];
            let about = object["user_id"].as_str().or(object["secondary"].as_str());
            (text(&event["type"]), about.unwrap_or_default().to_owned())
        };
        (0..count).map(next).collect()
    }

    /// Checks that one of the next events has this type, and is about Ada and her account of Google.
    fn expect_sides(&self, event_type: &str, way: &str) {
        let mut seen = Vec::new();
        let object = loop {
            let posted = self.posted.recv_timeout(Duration::from_secs(20));
            let event = posted.unwrap_or_else(|_| panic!("{way}: no {event_type} after {seen:?}")).json();
            if event["type"] == event_type {
                break event["data"]["object"].clone();
            }
            seen.push(text(&event["type"]));
        };
        let sides = (object["primary"].as_str(), object["secondary"].as_str());
        assert_eq!(sides, (Some(ADA), Some(ADAS_GOOGLE)), "{way}");
    }

    fn assert_quiet(&self) {
        if let Ok(event) = self.posted.recv_timeout(Duration::from_millis(700)) {
            panic!("an event that nobody expects: {}", event.body);
        }
    }
}

fn webhook(port: u16, more: &str) -> String {
    format!(
        "\n[[webhooks]]\nurl = \"http://127.0.0.1:{port}/events?token=hunter2\"\nsecret = \"whsec_{SECRET}\"\n{more}\n"
    )
}

fn read(stream: &mut TcpStream) -> Option<Posted> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let length = stream.read(&mut part).ok().filter(|it| *it > 0)?;
        bytes.extend_from_slice(&part[..length]);
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let headers: Vec<(String, String)> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse::<usize>().ok()?;
        if bytes.len() >= end + 4 + length {
            let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
            return Some(Posted { headers, body });
        }
    }
}

fn config(webhooks: &str) -> String {
    let ada = database_user("ada", "ada@example.com");
    let google = user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    format!("{CONFIG}{MACHINE}{webhooks}{ada}{google}")
}

fn change(tenant: &Tenant, method: &str, path: &str, body: &Value) {
    let request = Request::new(method, format!("/api/v2/{path}")).json(body);
    let response = tenant.send(&request.bearer(&tenant.client_token("machine")));
    assert!(matches!(response.status, 200..=204), "{method} {path}: {}", response.text());
}

fn rename(tenant: &Tenant, name: &str) {
    change(tenant, "PATCH", "users/auth0%7Cada", &json!({ "name": name }));
}

fn each_way_to_change_a_user_is_seen() {
    let application = Application::start(&[]);
    let tenant = Tenant::configured(&config(&application.config("")), &[]);
    let seen = |count| application.next_types(count);
    let event = |event_type: &str, about: &str| (event_type.to_owned(), about.to_owned());

    rename(&tenant, "Ada Lovelace");
    assert_eq!(seen(1), [event("user.updated", "auth0|ada")]);

    change(&tenant, "POST", "users/auth0%7Cada/identities", &by_id("google-oauth2", "1080"));
    let linked = application.next().json();
    let object = &linked["data"]["object"];
    assert_eq!(linked["type"], "ligature.user.linked");
    assert_eq!(
        (&object["primary"], &object["secondary"]),
        (&json!("auth0|ada"), &json!("google-oauth2|1080"))
    );
    let link = text(&object["link_id"]);
    assert_eq!(seen(1), [event("user.updated", "auth0|ada")]);

    change(&tenant, "DELETE", "users/auth0%7Cada/identities/google-oauth2/1080", &json!({}));
    let unlinked = application.next().json();
    assert_eq!(unlinked["type"], "ligature.user.unlinked");
    assert_eq!(unlinked["data"]["object"]["link_id"], link);
    assert_eq!(seen(2), [event("user.updated", "auth0|ada"), event("user.created", "google-oauth2|1080")]);
    // An identity that is not linked causes no event.
    change(&tenant, "DELETE", "users/auth0%7Cada/identities/google-oauth2/1080", &json!({}));

    change(&tenant, "DELETE", "users/google-oauth2%7C1080", &json!({}));
    assert_eq!(seen(1), [event("user.deleted", "google-oauth2|1080")]);
    // A missing user causes no event.
    change(&tenant, "DELETE", "users/google-oauth2%7C1080", &json!({}));

    let sign_up = json!({ "client_id": "web", "connection": DATABASE, "email": "new@example.com", "password": PASSWORD });
    assert_eq!(tenant.send(&Request::post("/dbconnections/signup").json(&sign_up)).status, 200);
    assert_eq!(seen(1)[0].0, "user.created");
    let by_api = json!({ "connection": "email", "email": "api@example.com", "email_verified": true });
    change(&tenant, "POST", "users", &by_api);
    let created = application.next().json();
    assert_eq!(
        (&created["type"], &created["data"]["object"]["email"]),
        (&json!("user.created"), &json!("api@example.com"))
    );
    change(&tenant, "PATCH", "users/auth0%7Cada", &json!({ "blocked": true }));
    let blocked = application.next().json();
    assert_eq!(
        (&blocked["type"], &blocked["data"]["object"]["blocked"]),
        (&json!("user.updated"), &json!(true))
    );

    let mut browser = tenant.browser();
    assert!(
        by_google(&mut browser, "1080", &[]).answer().contains_key("code"),
        "a first login creates a user"
    );
    assert_eq!(seen(1), [event("user.created", "google-oauth2|1080")]);
    application.assert_quiet();
}

/// A link and its end: by a person, an objection, an operator, a proof and the policy.
fn each_way_to_link_and_unlink_is_seen() {
    let application = Application::start(&[]);
    let more = format!("{ENABLED}{}", application.config(""));
    let tenant = Tenant::configured(&config(&more), &[]);
    let expect = |event_type: &str, way: &str| application.expect_sides(event_type, way);
    let (linked, unlinked) = ("ligature.user.linked", "ligature.user.unlinked");

    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    expect(linked, "added at /account");
    let removal = ada.removal_of("Google");
    let page = ada.page(&removal);
    assert_eq!(ada.submit(&page, "/account/remove", &[]).status, 303);
    expect(unlinked, "removed at /account");

    ada = ada.with_google();
    expect(linked, "added again");
    let undo = undo_of(&mut ada);
    let page = ada.page(&undo);
    assert_eq!(ada.submit(&page, "/account/undo", &[]).status, 303);
    expect(unlinked, "undone at /account");

    ada.with_google();
    expect(linked, "added a third time");
    let mut anyone = tenant.browser();
    assert_eq!(object(&mut anyone, &token(&newest(&tenant, 1)[0])).status, 200);
    expect(unlinked, "objected to");

    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    expect(linked, "merged at the console");
    let action = format!("{entry}/undo");
    let preview = desk.page(&action);
    assert_eq!(desk.submit(&preview, &action, &[]).status, 303);
    expect(unlinked, "undone at the console");

    // Undone links are not repeated by the policy for a while, so that its link has a tenant of its own.
    let application = Application::start(&[]);
    let policy = File::with(AUTO);
    let tenant = Tenant::configured(&config(&application.config("")), &["--policy", policy.name()]);
    let login = by_google(&mut tenant.browser(), "1080", &[]);
    assert!(login.answer().contains_key("code"), "{}", login.text());
    application.expect_sides(linked, "linked by the policy");
}

fn its_signature_is_standard_webhooks() {
    let application = Application::start(&[]);
    let events = "events = [\"user.deleted\"]";
    let tenant = Tenant::configured(&config(&application.config(events)), &[]);
    rename(&tenant, "not asked for");
    change(&tenant, "DELETE", "users/auth0%7Cada", &json!({}));
    let posted = application.next();
    let event = posted.json();
    assert_eq!(event["type"], "user.deleted");
    assert_eq!(posted.header("webhook-id"), event["id"]);
    assert_eq!(event["specversion"], "1.0");
    let sent: u64 = posted.header("webhook-timestamp").parse().expect("seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    assert!(sent.abs_diff(now) <= 30, "{sent} and {now}");
    let signed = format!("{}.{sent}.{}", posted.header("webhook-id"), posted.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET).expect("base64"));
    let tag = posted.header("webhook-signature").strip_prefix("v1,").expect("version 1");
    hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(tag).expect("base64")).expect("the signature");
    application.assert_quiet();
}

fn a_webhook_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = reserve_port();
    let config = config(&webhook(port, ""));
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    let start = || Tenant::within(folder.path(), &config, &["--directory", &directory]);
    let tenant = start();
    for name in ["one", "two", "three"] {
        rename(&tenant, name);
    }
    tenant.running.signal("KILL");
    drop(tenant);
    let file = outbox_of(&folder.path().join("state"));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);

    let application = Application::listen(TcpListener::bind(("127.0.0.1", port)).expect("the port"), &[]);
    let tenant = start();
    let names = || text(&application.next().json()["data"]["object"]["name"]);
    assert_eq!([names(), names(), names()], ["one", "two", "three"]);
    rename(&tenant, "four");
    assert_eq!(names(), "four");
    tenant.running.stop();
    let _again = start();
    application.assert_quiet();
}

fn outbox_of(state: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(state).expect("the state folder").map(|it| it.expect("a file").path());
    files.filter(|it| it.extension().is_some_and(|it| it == "outbox")).last().expect("an outbox")
}

fn a_failed_event_comes_again_before_later_ones() {
    let application = Application::start(&["503 Service Unavailable\r\n"]);
    let tenant = Tenant::configured(&config(&application.config("")), &[]);
    for name in ["one", "two"] {
        rename(&tenant, name);
    }
    let posted: Vec<Posted> = (0..3).map(|_| application.next()).collect();
    let names: Vec<String> = posted.iter().map(|it| text(&it.json()["data"]["object"]["name"])).collect();
    assert_eq!(names, ["one", "one", "two"]);
    assert_eq!(posted[0].header("webhook-id"), posted[1].header("webhook-id"), "a receiver knows it again");
    application.assert_quiet();
}

fn a_redirect_is_not_followed() {
    let elsewhere = Application::start(&[]);
    let to: &'static str = Box::leak(
        format!("307 Temporary Redirect\r\nlocation: http://127.0.0.1:{}/\r\n", elsewhere.port)
            .into_boxed_str(),
    );
    let application = Application::start(Box::leak(Box::new([to])));
    let tenant = Tenant::configured(&config(&application.config("")), &[]);
    rename(&tenant, "one");
    let (first, second) = (application.next(), application.next());
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"), "a redirect is no success");
    elsewhere.assert_quiet();
}

fn secrets_are_not_logged() {
    let application =
        Application::start(&["500 Internal Server Error\r\n", "301 Moved Permanently\r\nlocation: /a\r\n"]);
    let tenant = Tenant::configured(&config(&application.config("")), &[]);
    rename(&tenant, "Ada Lovelace");
    (0..3).for_each(|_| drop(application.next()));
    let log = tenant.running.log();
    assert!(log.contains("a webhook did not accept an event") && log.contains("status 500"), "{log}");
    for hidden in [SECRET, "hunter2", "ada@example.com", "v1,"] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
    let name = outbox_of(&tenant.running.state).display().to_string();
    assert!(!name.contains("hunter2"));
}

/// Checks that users of the configuration are no events, at the start and at a reset.
fn a_reset_is_no_event() {
    let application = Application::start(&[]);
    let tenant = Tenant::configured(&config(&application.config("")), &[]);
    application.assert_quiet();
    assert_eq!(tenant.send(&Request::post("/dev/reset")).status, 204);
    rename(&tenant, "after the reset");
    let event = application.next().json();
    assert_eq!(event["data"]["object"]["name"], "after the reset");
    application.assert_quiet();
}
