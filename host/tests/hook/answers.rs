//! The answers to logins.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::service::{
    DATABASE, GOOGLE, Place, SECRET, codes, event, event_of, now, program, signed_body, signed_to,
};

crate::tests![
    a_link_is_answered_with_the_primary_user,
    a_later_login_of_a_linked_identity_continues_as_the_primary,
    a_login_of_the_primary_proceeds,
    a_login_that_links_nothing_proceeds,
    a_policy_denies_a_login,
    a_suggestion_proceeds_and_is_not_counted_as_a_prompt,
    a_service_that_asks_no_user_says_so_of_an_answer,
    an_event_that_cannot_be_read_is_audited_with_its_user,
    a_blocked_user_is_denied,
    several_policies_decide_in_order,
    a_changed_policy_decides_from_the_next_login_on,
    a_body_that_is_no_event_is_400_in_one_sentence,
    an_event_of_another_tenant_links_nothing,
    another_path_or_method_names_the_right_one,
    the_log_has_no_secret_and_no_whole_address,
    metrics_count_answers_and_refusals,
    tls_by_certificate_files,
];

fn a_link_is_answered_with_the_primary_user() {
    let place = Place::new();
    let service = place.start(&[]);
    let answer = service.ask(&event());
    assert_eq!(answer["action"], "set_primary_user", "{answer}");
    assert_eq!(answer["primary_user_id"], DATABASE);
    assert_eq!(codes(&answer)[0], "LINKED_VERIFIED_BOTH");
    let user = place.json(&["users", "show", DATABASE]);
    assert_eq!(user["identities"].as_array().map(Vec::len), Some(2), "{user}");
    assert_eq!(place.links(), 1);
    // The count is written a moment later.
    let until = Instant::now() + Duration::from_secs(10);
    while place.json(&["users", "show", DATABASE])["logins_count"] != 88 {
        assert!(Instant::now() < until, "the login is not counted");
    }
}

/// The tenant still calls the user by the old id, if a link was not followed by
/// `setPrimaryUser`.
fn a_later_login_of_a_linked_identity_continues_as_the_primary() {
    let place = Place::new();
    let service = place.start(&[]);
    service.ask(&event());
    let again = service.ask(&event());
    assert_eq!((&again["action"], &again["primary_user_id"]), (&json!("set_primary_user"), &json!(DATABASE)));
    assert_eq!(place.links(), 1);
}

fn a_login_of_the_primary_proceeds() {
    let place = Place::new();
    let service = place.start(&[]);
    let database = "Username-Password-Authentication";
    let answer = service.ask(&event_of(DATABASE, "ada.lovelace@example.com", database));
    assert_eq!(answer["action"], "proceed", "{answer}");
    assert!(answer.get("primary_user_id").is_none(), "{answer}");
    assert_eq!(place.links(), 0);
}

fn a_login_that_links_nothing_proceeds() {
    let place = Place::new();
    let service = place.start(&[]);
    let mut event = event();
    event["user"]["email_verified"] = json!(false);
    let answer = service.ask(&event);
    assert_eq!(answer["action"], "proceed", "{answer}");
    assert!(!codes(&answer).is_empty());
    assert_eq!(place.links(), 0);
}

/// A plugin that answers as its settings say.
fn probe(place: &Place, settings: &Value) -> Vec<String> {
    place.write("probe.wasm", ligature_test_guests::PROBE);
    place.write("probe.json", settings.to_string());
    let path = |name: &str| place.file(name).to_str().expect("UTF-8").to_owned();
    vec!["--plugin".to_owned(), path("probe.wasm"), "--policy".to_owned(), path("probe.json")]
}

fn a_policy_denies_a_login() {
    let place = Place::new();
    let options = probe(&place, &json!({ "decision": { "deny": "Not on Sundays." } }));
    let service = place.start_with(&options.iter().map(String::as_str).collect::<Vec<_>>());
    let answer = service.ask(&event());
    assert_eq!((&answer["action"], &answer["message"]), (&json!("deny"), &json!("Not on Sundays.")));
}

fn a_suggestion_proceeds_and_is_not_counted_as_a_prompt() {
    let place = Place::new();
    place.write("policy.json", json!({ "mode": "suggest" }).to_string());
    let service = place.start(&[]);
    let answer = service.ask(&event());
    assert_eq!(answer["action"], "proceed", "{answer}");
    assert_eq!(codes(&answer)[0], "CONFIRMATION_UNAVAILABLE");
    assert!(codes(&answer).len() > 1, "the policy's own reasons follow: {answer}");
    assert!(answer.get("url").is_none() && answer.get("token").is_none());
    let user = place.json(&["users", "show", GOOGLE]);
    assert!(user["app_metadata"].get("linking").is_none(), "{user}");
    service.log_with("decision=\"suggest\" reasons=\"CONFIRMATION_UNAVAILABLE ");
    let page = service.get("/metrics").text();
    for line in [
        "ligature_login_reasons_total{code=\"CONFIRMATION_UNAVAILABLE\"} 1",
        "ligature_logins_total{kind=\"suggest\"} 1",
    ] {
        assert!(page.contains(line), "no {line} in:\n{page}");
    }
}

/// Another process of the service may have asked, or the Action has lost the answer.
fn a_service_that_asks_no_user_says_so_of_an_answer() {
    let place = Place::new();
    place.write("policy.json", json!({ "mode": "suggest" }).to_string());
    let service = place.start(&[]);
    for answer in [Value::Null, json!("sealed")] {
        let body = json!({ "event": event(), "answer": answer, "nonce": answer.is_null() });
        let ended = service.send(&signed_to("/v1/auth0/continue", body.to_string(), SECRET, now())).json();
        assert_eq!(
            (&ended["action"], codes(&ended)[0]),
            (&json!("proceed"), "CONFIRMATION_REFUSED"),
            "{ended}"
        );
        let detail = ended["reasons"][0]["detail"].as_str().expect("a detail");
        assert!(
            detail.contains("this service asks no user, because the confirmation is not configured"),
            "{detail}"
        );
    }
}

/// Half a surrogate pair, and more than 128 levels, which a user can write where metadata is the
/// user's own.
fn an_event_that_cannot_be_read_is_audited_with_its_user() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let place = Place::new();
    for (on_failure, header) in [("proceed", None), ("deny", Some("deny"))] {
        let service = place.start(&["--on-failure", on_failure]);
        for metadata in ["{ \"a\": \"\\ud800\" }", &deep] {
            let mut event = event();
            event["user"]["user_metadata"] = json!("METADATA");
            let body = json!({ "event": event }).to_string().replace("\"METADATA\"", metadata);
            let refused = service.send(&signed_body(body, SECRET, now()));
            assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("event_invalid")));
            assert_eq!(refused.header("x-ligature-on-failure"), header, "{on_failure}");
        }
        let log = service.log_with("event_invalid");
        assert_eq!(log.matches(&format!("code=\"event_invalid\" user=\"{GOOGLE}\"")).count(), 2, "{log}");
        let page = service.get("/metrics").text();
        assert!(page.contains("ligature_hook_refusals_total{kind=\"event_invalid\"} 2"), "{page}");
    }
}

fn a_blocked_user_is_denied() {
    let place = Place::new();
    assert!(place.ligature(&["users", "block", DATABASE]).status.success());
    let service = place.start(&[]);
    let database = "Username-Password-Authentication";
    let answer = service.ask(&event_of(DATABASE, "ada.lovelace@example.com", database));
    assert_eq!((&answer["action"], &answer["message"]), (&json!("deny"), &json!("user is blocked")));
    assert_eq!(codes(&answer), ["USER_BLOCKED"]);
    service.log_with("a blocked user was refused");
}

fn several_policies_decide_in_order() {
    let place = Place::new();
    probe(&place, &json!({ "decision": { "deny": "Not on Sundays." } }));
    let policies = "[[policy]]\nsettings = \"policy.json\"\n[[policy]]\nplugin = \"probe.wasm\"\nsettings = \"probe.json\"\n";
    place.write("policies.toml", policies);
    let service = place.start_with(&["--policies", place.file("policies.toml").to_str().expect("UTF-8")]);
    // The first one links, and the second one is not asked.
    assert_eq!(service.ask(&event())["action"], "set_primary_user");
    let other = service.ask(&event_of("google-oauth2|9", "other@example.com", "google-oauth2"));
    assert_eq!(other["action"], "deny", "{other}");
}

fn a_changed_policy_decides_from_the_next_login_on() {
    let place = Place::new();
    place.write("policy.json", json!({ "mode": "off" }).to_string());
    let service = place.start(&[]);
    assert_eq!(service.ask(&event())["action"], "proceed");
    fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/directory/policy.json"),
        place.file("policy.json"),
    )
    .expect("a copy");
    service.log_with("plugin and policy reloaded");
    assert_eq!(service.ask(&event())["action"], "set_primary_user");
}

fn a_body_that_is_no_event_is_400_in_one_sentence() {
    let place = Place::new();
    let service = place.start(&[]);
    let bodies = [
        (json!({ "event": {} }).to_string(), "missing field `user`"),
        ("{\"event\"".to_owned(), "line 1"),
        (
            json!({ "event": { "user": { "user_id": "ada" }, "connection": { "name": "db" } } }).to_string(),
            "`provider|id`",
        ),
    ];
    for (body, expected) in bodies {
        let response = service.send(&signed_body(body, SECRET, now()));
        let told = response.json();
        assert_eq!((response.status, &told["error"]), (400, &json!("event_invalid")), "{told}");
        let message = told["message"].as_str().expect("a message");
        assert!(
            message.starts_with("the body is not a post-login event: ") && message.contains(expected),
            "{message}"
        );
        assert!(!message.contains('\n'), "{message}");
    }
    service.log_with("event_invalid");
}

fn an_event_of_another_tenant_links_nothing() {
    let place = Place::new();
    let service = place.start(&[]);
    // The directory has the identity under its own user.
    let mut event =
        event_of("auth0|someone-else", "ada.lovelace@example.com", "Username-Password-Authentication");
    event["user"]["identities"][0]["user_id"] = json!("6571c0ffee0000000000a001");
    let answer = service.ask(&event);
    assert_eq!(answer["action"], "proceed", "{answer}");
    assert_eq!(codes(&answer), ["EVENT_CONTRADICTS_DIRECTORY"]);
    assert_eq!(place.links(), 0);
    let page = service.get("/metrics").text();
    assert!(page.contains("ligature_login_reasons_total{code=\"EVENT_CONTRADICTS_DIRECTORY\"} 1"), "{page}");
}

fn another_path_or_method_names_the_right_one() {
    let place = Place::new();
    let service = place.start(&[]);
    for (path, status) in [("/v1/auth0/post-login", 405), ("/post-login", 404), ("/", 404)] {
        let response = service.get(path);
        assert_eq!(response.status, status, "{path}");
        assert!(response.text().contains("POST /v1/auth0/post-login"), "{}", response.text());
    }
    assert_eq!((service.get("/healthz").status, service.get("/readyz").text()), (200, "ready\n".to_owned()));
}

fn the_log_has_no_secret_and_no_whole_address() {
    let place = Place::new();
    let service = place.start(&["--log-format", "json"]);
    let mut event = event_of("samlp|corp|ada@corp-of-tests.com", "ada@corp-of-tests.com", "corp");
    event["secrets"] = json!({ "LIGATURE_SECRET": SECRET });
    assert_eq!(service.ask(&event)["action"], "proceed");
    service.send(&signed_body("{}", &"wrong".repeat(10), now()));
    let log = service.log_with("signature_wrong");
    assert!(log.contains("login decided"), "{log}");
    assert!(!log.contains("ada@corp-of-tests.com") && !log.contains(SECRET), "{log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}

fn metrics_count_answers_and_refusals() {
    let place = Place::new();
    let service = place.start(&[]);
    service.ask(&event());
    service.send(&signed_body("{}", &"wrong".repeat(10), now()));
    let page = service.get("/metrics").text();
    for line in [
        "ligature_hook_answers_total{kind=\"set_primary_user\"} 1",
        "ligature_hook_refusals_total{kind=\"signature_wrong\"} 1",
        "ligature_hook_signatures_total{kind=\"current\"} 1",
        "ligature_logins_total{kind=\"linked\"} 1",
        "ligature_http_requests_total{route=\"/v1/auth0/post-login\",status=\"200\"} 1",
    ] {
        assert!(page.contains(line), "no {line} in:\n{page}");
    }
}

fn tls_by_certificate_files() {
    let place = Place::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    place.write("cert.pem", made.cert.pem());
    place.write("key.pem", made.signing_key.serialize_pem());
    let path = |name: &str| place.file(name).to_str().expect("UTF-8").to_owned();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let service = place.start(&["--tls-certificate", &certificate, "--tls-key", &key]);
    let port = service.url.trim_end_matches('/').rsplit(':').next().expect("a port");
    assert!(service.url.starts_with("https://"), "{}", service.url);

    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("a protocol").with_root_certificates(roots).with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let mut tls = rustls::ClientConnection::new(std::sync::Arc::new(config), name).expect("a connection");
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).expect("it listens");
    let mut stream = rustls::Stream::new(&mut tls, &mut stream);
    std::io::Write::write_all(
        &mut stream,
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    )
    .expect("it is sent");
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"), "{answer:?}");

    // A key of another certificate.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    place.write("key.pem", other.signing_key.serialize_pem());
    let mut command = program();
    command.args(["hook", "--listen", "127.0.0.1:0", "--directory", &place.directory, "--secret-file"]);
    command.arg(place.file("secret")).args(["--tls-certificate", &certificate, "--tls-key", &key]);
    let start = Instant::now();
    let refused = command.output().expect("the program runs");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("cannot be used with the certificate"),
        "{refused:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(60));
}
