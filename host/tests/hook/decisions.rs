//! `ligature hook --decisions`, and the commands that show what it has kept.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::service::{DATABASE, GOOGLE, Place, event, event_of};

crate::tests![
    decisions_are_kept_with_their_reasons_and_their_trace,
    nothing_is_kept_unless_it_is_asked_for,
    what_waits_is_kept_at_the_end,
    a_conflict_waits_until_it_is_settled,
    a_directory_that_keeps_nothing_costs_no_login,
    what_is_kept_of_a_user_is_forgotten,
];

/// Waits until `expected` decisions are kept, and returns them, the newest first.
fn kept(place: &Place, expected: usize) -> Vec<Value> {
    list(place, &["decisions", "list", "--json"], expected)
}

fn list(place: &Place, arguments: &[&str], expected: usize) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let output = place.ligature(arguments);
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let listed: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        if listed.len() >= expected || Instant::now() > until {
            assert_eq!(listed.len(), expected, "{listed:?}");
            return listed;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn printed(place: &Place, arguments: &[&str]) -> String {
    let output = place.ligature(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn decisions_are_kept_with_their_reasons_and_their_trace() {
    let place = Place::new();
    let service = place.start(&["--decisions"]);
    assert_eq!(service.ask(&event())["action"], "set_primary_user");
    service.ask(&event_of("google-oauth2|2", "bob@corp-of-tests.com", "google-oauth2"));
    let found = kept(&place, 2);
    let linked = &found[1];
    assert_eq!((&linked["user_id"], &linked["final_user_id"]), (&GOOGLE.into(), &DATABASE.into()));
    assert_eq!(linked["decision"], serde_json::json!({ "kind": "linked", "primary": DATABASE }));
    assert_eq!(linked["reasons"][0]["code"], "LINKED_VERIFIED_BOTH");
    assert!(linked["trace"].as_array().is_some_and(|trace| trace.len() > 5), "{linked}");
    assert_eq!(linked["plugin"]["name"], "link-users-by-email");
    assert_eq!(linked["policy_sha256"].as_str().map(str::len), Some(64));
    assert!(!found[0].to_string().contains("bob@corp-of-tests.com"), "{}", found[0]);

    let id = linked["id"].as_str().expect("an id");
    let page = printed(&place, &["decisions", "show", id]);
    for part in
        [id, GOOGLE, "linked: the login continues as", "LINKED_VERIFIED_BOTH", "Explanation", "decides"]
    {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    let of_user = printed(&place, &["decisions", "list", "--user", DATABASE, "--kind", "linked"]);
    assert!(of_user.lines().count() == 1 && of_user.contains(id), "{of_user}");
    let of_code = printed(&place, &["decisions", "list", "--reason", "LINKED_VERIFIED_BOTH"]);
    assert_eq!(of_code, of_user);
    let second = printed(&place, &["decisions", "list", "--limit", "1"]);
    assert!(second.contains("--before"), "{second}");
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("ligature_decisions_kept_total 2"), "{metrics}");
}

fn nothing_is_kept_unless_it_is_asked_for() {
    let place = Place::new();
    let service = place.start(&[]);
    service.ask(&event());
    let metrics = service.get("/metrics").text();
    assert!(!metrics.contains("ligature_decisions"), "{metrics}");
    let mut service = service;
    service.signal("TERM");
    service.wait();
    assert!(printed(&place, &["decisions", "list"]).contains("no such decision is kept"));
}

fn what_waits_is_kept_at_the_end() {
    let place = Place::new();
    let mut service = place.start(&["--decisions"]);
    for number in 0..5 {
        service.ask(&event_of(&format!("google-oauth2|{number}"), "", "google-oauth2"));
    }
    service.signal("TERM");
    assert_eq!(service.wait().0, Some(0));
    assert_eq!(kept(&place, 5).len(), 5);
}

fn a_conflict_waits_until_it_is_settled() {
    let place = Place::new();
    // Two accounts of one database have the address.
    place.write("more.ndjson", format!("{}\n", another_account()));
    let file = place.file("more.ndjson");
    printed(&place, &["users", "import", file.to_str().expect("UTF-8")]);
    let service = place.start(&["--decisions"]);
    service.ask(&event());
    let found = list(&place, &["conflicts", "list", "--json"], 1);
    assert_eq!(found[0]["times"], 1);
    let users = found[0]["user_ids"].as_array().expect("users");
    assert!(users.contains(&GOOGLE.into()), "{users:?}");
    let key = found[0]["key"].as_str().expect("a key");
    assert!(printed(&place, &["conflicts", "list"]).contains(key));
    let note = ["conflicts", "settle", key, "--note", "they are two people: ada@mail.de"];
    assert!(printed(&place, &note).contains("is settled"));
    let again = place.ligature(&note);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("has settled this conflict"), "{again:?}");
    assert!(printed(&place, &["conflicts", "list"]).contains("no conflict waits"));
    let settled = printed(&place, &["conflicts", "list", "--settled", "--json"]);
    assert!(settled.contains("they are two people: a…@mail.de"), "{settled}");
    // It happens again.
    let mut later = event();
    later["transaction"]["id"] = "another".into();
    service.ask(&later);
    assert_eq!(list(&place, &["conflicts", "list", "--json"], 1)[0]["times"], 2);
}

fn another_account() -> String {
    let users = include_str!("../../../examples/directory/users.ndjson");
    let known = users.lines().find(|line| line.contains(DATABASE)).expect("the database account");
    let mut user: Value = serde_json::from_str(known).expect("JSON");
    user["user_id"] = "auth0|another".into();
    user["identities"] = serde_json::json!([
        { "provider": "auth0", "user_id": "another", "connection": "another-database", "isSocial": false }
    ]);
    user.to_string()
}

/// The rows cannot be written: their table is gone.
fn a_directory_that_keeps_nothing_costs_no_login() {
    let place = Place::new();
    let mut service = place.start(&["--decisions"]);
    let database = rusqlite::Connection::open(place.file("users.db")).expect("a database");
    database.execute_batch("DROP TABLE decisions").expect("it is dropped");
    assert_eq!(service.ask(&event())["action"], "set_primary_user");
    service.log_with("decisions were not kept");
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("ligature_decisions_lost_total{kind=\"directory_failed\"} 1"), "{metrics}");
    service.signal("TERM");
    assert_eq!(service.wait().0, Some(0));
}

fn what_is_kept_of_a_user_is_forgotten() {
    let place = Place::new();
    let service = place.start(&["--decisions"]);
    service.ask(&event());
    service.ask(&event_of("google-oauth2|2", "", "google-oauth2"));
    kept(&place, 2);
    assert_eq!(printed(&place, &["decisions", "forget", "--user", DATABASE]), "1 decision was forgotten\n");
    assert_eq!(kept(&place, 1)[0]["user_id"], "google-oauth2|2");
}
