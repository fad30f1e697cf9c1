//! The authentication of requests.

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::service::{OLD_SECRET, PATH, Place, SECRET, Service, event, now, sign, signed, signed_body};

crate::tests![
    a_request_without_a_signature_is_refused,
    a_wrong_signature_is_refused,
    the_old_secret_is_accepted_while_it_is_named,
    a_secret_of_the_environment_is_accepted,
    a_replayed_request_is_refused,
    a_clock_that_is_off_is_told_by_how_much,
    a_body_above_one_mebibyte_is_refused,
    a_changed_body_is_refused,
    refused_requests_decide_nothing,
];

fn assert_refused(response: &Response, status: u16, code: &str) -> String {
    let told: Value = response.json();
    assert_eq!((response.status, &told["error"]), (status, &json!(code)), "{told}");
    told["message"].as_str().expect("a message").to_owned()
}

fn unsigned(body: &Value) -> Request {
    Request::post(PATH).json(body)
}

fn a_request_without_a_signature_is_refused() {
    let place = Place::new();
    let service = place.start(&[]);
    let body = json!({ "event": event() });
    let told = assert_refused(&service.send(&unsigned(&body)), 401, "not_signed");
    assert!(told.contains("x-ligature-signature"), "{told}");
    let half = unsigned(&body).header("x-ligature-signature", format!("v1={}", "0".repeat(64)));
    let told = assert_refused(&service.send(&half), 401, "not_signed");
    assert!(told.contains("x-ligature-timestamp"), "{told}");
    let log = service.log_with("not_signed");
    assert!(log.contains("audit") && log.contains("127.0.0.1"), "{log}");
}

fn a_wrong_signature_is_refused() {
    let place = Place::new();
    let service = place.start(&[]);
    let wrong = signed(&event(), &"another secret".repeat(3), now());
    assert_refused(&service.send(&wrong), 401, "signature_wrong");
    let malformed = unsigned(&json!({})).header("x-ligature-timestamp", now().to_string());
    let malformed = malformed.header("x-ligature-signature", "sha256=00");
    assert_refused(&service.send(&malformed), 401, "signature_malformed");
    // The time stamp is signed.
    let body = json!({ "event": event() }).to_string();
    let moved = Request::post(PATH)
        .header("x-ligature-timestamp", (now() + 1).to_string())
        .header("x-ligature-signature", format!("v1={}", sign(SECRET, &now().to_string(), body.as_bytes())))
        .body("application/json", body);
    assert_refused(&service.send(&moved), 401, "signature_wrong");
}

fn the_old_secret_is_accepted_while_it_is_named() {
    let place = Place::new();
    place.write("old", format!("{OLD_SECRET}\n"));
    let old = place.file("old");
    let service = place.start(&["--secret-file", old.to_str().expect("UTF-8")]);
    assert_eq!(service.send(&signed(&event(), OLD_SECRET, now())).status, 200);
    assert_eq!(service.send(&signed(&event(), SECRET, now())).status, 200);
    assert!(service.get("/metrics").text().contains("ligature_hook_signatures_total{kind=\"old\"} 1"));
    drop(service);
    let service = place.start(&[]);
    assert_refused(&service.send(&signed(&event(), OLD_SECRET, now())), 401, "signature_wrong");
}

fn a_secret_of_the_environment_is_accepted() {
    let place = Place::new();
    let mut command = crate::service::program();
    command.args(["hook", "--listen", "127.0.0.1:0", "--directory", &place.directory]);
    command.env("LIGATURE_HOOK_SECRET", SECRET).env("LIGATURE_HOOK_OLD_SECRET", OLD_SECRET);
    let service = Service::spawn(command, place.folder.path());
    assert_eq!(service.send(&signed(&event(), SECRET, now())).status, 200);
    assert_eq!(service.send(&signed(&event(), OLD_SECRET, now())).status, 200);
}

fn a_replayed_request_is_refused() {
    let place = Place::new();
    let service = place.start(&[]);
    let request = signed(&event(), SECRET, now());
    assert_eq!(service.send(&request).status, 200);
    assert_refused(&service.send(&request), 401, "replayed");
    // The same login, signed again.
    assert_eq!(service.send(&signed(&event(), SECRET, now())).status, 200);
    service.log_with("replayed");
}

fn a_clock_that_is_off_is_told_by_how_much() {
    let place = Place::new();
    let service = place.start(&[]);
    let told = assert_refused(&service.send(&signed(&event(), SECRET, now() - 600)), 401, "clock_off");
    assert!(
        told.contains("60") && told.contains("s behind the clock of this service; at most 300 s"),
        "{told}"
    );
    let told = assert_refused(&service.send(&signed(&event(), SECRET, now() + 600)), 401, "clock_off");
    assert!(told.contains("s ahead of the clock of this service"), "{told}");
    let told =
        assert_refused(&service.send(&signed(&event(), SECRET, now() * 1_000)), 401, "timestamp_malformed");
    assert!(told.ends_with("not milliseconds"), "{told}");
    assert_eq!(service.send(&signed(&event(), SECRET, now() - 290)).status, 200);
}

fn a_body_above_one_mebibyte_is_refused() {
    let place = Place::new();
    let service = place.start(&[]);
    let mut event = event();
    let padding = (1 << 20) - json!({ "event": event, "padding": "" }).to_string().len();
    let body = json!({ "event": event, "padding": "x".repeat(padding) }).to_string();
    assert_eq!(body.len(), 1 << 20);
    assert_eq!(service.send(&signed_body(body, SECRET, now())).status, 200);
    event["padding"] = json!("x".repeat(1 << 20));
    assert_refused(&service.send(&signed(&event, SECRET, now())), 413, "body_too_large");
}

fn a_changed_body_is_refused() {
    let place = Place::new();
    let service = place.start(&[]);
    let mut request = signed(&event(), SECRET, now());
    request.body.push(b' ');
    assert_refused(&service.send(&request), 401, "signature_wrong");
}

fn refused_requests_decide_nothing() {
    let place = Place::new();
    let service = place.start(&[]);
    service.send(&signed(&event(), OLD_SECRET, now()));
    service.send(&signed(&event(), SECRET, now() - 600));
    service.send(&unsigned(&json!({ "event": event() })));
    assert_eq!(place.links(), 0);
    assert!(!service.log_with("not_signed").contains("login decided"));
}
