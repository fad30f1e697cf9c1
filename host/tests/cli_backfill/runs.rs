//! Applying a plan, and undoing it.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::place::{Place, Ran};
use crate::user_base::{import, place, place_with_people, preview};

const APPLY: [&str; 5] = ["backfill", "apply", "report/plan.ndjson", "--policy", "policy.json"];

pub(crate) fn apply_with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&APPLY[..], more].concat()
}

/// Applies the plan, and returns the state of the run.
pub(crate) fn apply(place: &Place, more: &[&str]) -> Value {
    let ran = place.run(&apply_with(&[more, &["--json"]].concat()));
    // A run that lasts tells how far it is.
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// Returns the number of groups in a state.
pub(crate) fn count(run: &Value, state: &str) -> u64 {
    let groups = run["groups"].as_array().expect("groups");
    groups.iter().filter(|it| it["state"] == state).map(|it| it["number"].as_u64().expect("a number")).sum()
}

pub(crate) fn run_id(run: &Value) -> String {
    run["run"].as_str().expect("an id").to_owned()
}

pub(crate) fn list_users(place: &Place) -> Vec<String> {
    let mut ids: Vec<String> = place
        .lines(&["users", "export"])
        .iter()
        .map(|it| it["user_id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort();
    ids
}

/// Returns the ids of the group of each planned link, in order.
fn plan_groups(place: &Place) -> Vec<String> {
    let plan = fs::read_to_string(place.file("report/plan.ndjson")).expect("a plan");
    let lines = plan.lines().filter(|line| line.contains("\"kind\":\"LINK\""));
    let read =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["group"].as_str().map(str::to_owned);
    let mut ids: Vec<String> = lines.filter_map(read).collect();
    ids.dedup();
    ids
}

#[test]
fn a_preview_of_a_directory_is_that_of_its_export() {
    let place = place();
    import(&place);
    let of_directory = place.json(&["backfill", "preview", "--policy", "policy.json", "--json"]);
    let of_file =
        place.json(&["backfill", "preview", "--users", "users.ndjson", "--policy", "policy.json", "--json"]);
    assert_eq!(of_directory, of_file);
    assert_eq!(of_directory["groups"], 2);
}

#[test]
fn a_plan_is_applied_and_undone() {
    let place = place();
    import(&place);
    preview(&place);
    let told = place.good(&APPLY);
    assert!(
        told.contains("LINKED                  1 group\n             1  LINKED_VERIFIED_BOTH\n"),
        "{told}"
    );
    assert_eq!(list_users(&place), ["auth0|1", "auth0|3", "google-oauth2|4", "sms|5"]);
    let run = place.json(&["backfill", "status", &run_id(&apply(&place, &[])), "--json"]);
    let entries = place.lines(&["journal", "list", "--json"]);
    let evidence = &entries[0]["evidence"];
    assert_eq!((entries.len(), &evidence["backfill_run"]), (1, &run["run"]), "{entries:?}");
    assert_eq!((count(&run, "linked"), count(&run, "waiting")), (1, 0));
    assert!(place.good(&["backfill", "status"]).starts_with(&run_id(&run)));

    let undone = place.json(&["backfill", "undo", &run_id(&run), "--json"]);
    assert_eq!((count(&undone, "undone"), count(&undone, "linked")), (1, 0));
    assert_eq!(list_users(&place).len(), 5);
    let again = apply(&place, &[]);
    assert_eq!(count(&again, "undone"), 1, "what was undone is not linked again");
    assert_eq!(list_users(&place).len(), 5);
}

#[test]
fn a_dry_run_decides_again_and_begins_no_run() {
    let place = place_with_people(3);
    preview(&place);
    let dry = || place.json(&apply_with(&["--dry-run", "--json"]));
    let before = place.good(&["users", "export"]);
    let first = dry();
    assert_eq!((count(&first, "would_link"), count(&first, "left_out")), (3, 0), "{first}");
    let told = place.good(&apply_with(&["--dry-run"]));
    assert!(
        told.contains("WOULD LINK              3 groups\n             3  LINKED_VERIFIED_BOTH\n"),
        "{told}"
    );
    assert!(told.ends_with("Nothing was changed, and no run has begun.\n"), "{told}");
    assert_eq!(place.good(&["users", "export"]), before);
    assert_eq!(place.lines(&["journal", "list", "--json"]), Vec::<Value>::new());
    assert!(place.good(&["backfill", "status"]).starts_with("There is no run yet"));

    let ids = list_users(&place);
    place.good(&["users", "block", &ids[0]]);
    let reasons = |counts: &Value| {
        let groups = counts["groups"].as_array().expect("groups");
        groups
            .iter()
            .map(|it| format!("{} {} {}", it["state"], it["reason"], it["number"]))
            .collect::<Vec<_>>()
    };
    let changed = dry();
    assert_eq!(reasons(&changed)[1], r#""left_out" "DECISION_CHANGED" 1"#, "{changed}");
    let run = apply(&place, &[]);
    assert_eq!((count(&run, "linked"), count(&run, "left_out")), (2, 1), "the run does the same");
    let after = dry();
    assert_eq!(reasons(&after), [r#""left_out" "ALREADY_LINKED" 2"#, r#""left_out" "DECISION_CHANGED" 1"#]);
}

#[test]
fn a_dry_run_is_refused_as_its_run_would_be() {
    let place = place_with_people(1);
    preview(&place);
    let nothing = place.run(&apply_with(&["--dry-run", "--only", "reason=OTHER"]));
    assert_eq!(nothing.code, Some(2), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("no group is selected"), "{}", nothing.stderr);
    let rate = place.run(&apply_with(&["--dry-run", "--rate", "5"]));
    assert_eq!(rate.code, Some(2), "{}", rate.stderr);
    fs::write(place.file("policy.json"), r#"{"mode": "auto", "unlink_cooldown_days": 1}"#).expect("a file");
    let other = place.run(&apply_with(&["--dry-run"]));
    assert_eq!(other.code, Some(2), "{}", other.stderr);
    assert!(other.stderr.contains("the policy document of"), "{}", other.stderr);
}

#[test]
fn a_group_whose_decision_has_changed_is_left_out() {
    let place = place();
    import(&place);
    preview(&place);
    place.good(&["users", "block", "auth0|1"]);
    let told = apply(&place, &[]);
    assert_eq!((count(&told, "left_out"), count(&told, "linked")), (1, 0), "{told}");
    assert_eq!(told["groups"][0]["reason"], "DECISION_CHANGED");
    assert_eq!(list_users(&place).len(), 5);
}

#[test]
fn a_group_that_somebody_has_merged_meanwhile_is_left_out() {
    let place = place_with_people(2);
    preview(&place);
    place.good(&["users", "merge", "auth0|1x0", "google-oauth2|2x0", "--reason", "a ticket"]);
    let told = apply(&place, &[]);
    assert_eq!((count(&told, "left_out"), count(&told, "linked")), (1, 1), "{told}");
    assert_eq!(told["groups"][1]["reason"], "ALREADY_LINKED");
}

#[test]
fn only_approved_groups_are_applied() {
    let place = place_with_people(5);
    preview(&place);
    let groups = plan_groups(&place);
    place.write("review.csv", format!("{},approved\n{},rejected\n", groups[1], groups[2]).as_bytes());
    let told = apply(&place, &["--groups", "review.csv"]);
    assert_eq!((count(&told, "linked"), &told["plan"]["not_selected"]), (1, &Value::from(4)));
    assert_eq!(list_users(&place).len(), 9);
    let by_connection = apply(&place, &["--connections", "google-oauth2,Username-Password-Authentication"]);
    assert_eq!(
        (count(&by_connection, "linked"), count(&by_connection, "left_out")),
        (4, 1),
        "{by_connection}"
    );
    assert_eq!(list_users(&place).len(), 5);
}

#[test]
fn a_part_of_a_run_is_undone() {
    let place = place_with_people(4);
    preview(&place);
    let run = run_id(&apply(&place, &[]));
    let groups = plan_groups(&place);
    place.write("review", format!("{} rejected\n*\n", groups[0]).as_bytes());
    let told = place.json(&["backfill", "undo", &run, "--groups", "review", "--json"]);
    assert_eq!((count(&told, "undone"), count(&told, "linked")), (3, 1));
    let told = place.json(&["backfill", "undo", &run, "--json"]);
    assert_eq!((count(&told, "undone"), count(&told, "linked")), (4, 0));
    assert_eq!(list_users(&place).len(), 8);
}

/// Starts to apply slowly, and waits until some links are made.
pub(crate) fn start_slowly(place: &Place) -> Child {
    let mut command = place.command(&apply_with(&["--rate", "20"]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    while place.run(&["journal", "list", "--json"]).stdout.lines().count() < 3 {
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// Every person has one account, and every link is in the journal once.
fn assert_all_linked_once(place: &Place, number: usize) {
    assert_eq!(list_users(place).len(), number);
    let entries = place.lines(&["journal", "list", "--json", "--limit", "10000"]);
    let mut linked: Vec<&str> = entries.iter().filter_map(|it| it["secondary"].as_str()).collect();
    linked.sort_unstable();
    linked.dedup();
    assert_eq!((entries.len(), linked.len()), (number, number));
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_between_two_links() {
    const PEOPLE: usize = 400;
    let place = place_with_people(PEOPLE);
    preview(&place);
    let mut child = start_slowly(&place);
    let signalled = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signalled.expect("kill runs").success());
    let mut told = String::new();
    child.stdout.take().expect("its output").read_to_string(&mut told).expect("UTF-8");
    let ended = Ran::read(child.wait_with_output().expect("the end"));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("groups wait; the same command goes on"), "{}", ended.stderr);
    assert!(told.contains("WAITING"), "{told}");
    // No claim is left, so that the next process does not wait.
    let told = apply(&place, &[]);
    assert_eq!((count(&told, "linked"), count(&told, "waiting")), (PEOPLE as u64, 0), "{told}");
    assert_all_linked_once(&place, PEOPLE);
}

#[test]
fn processes_share_a_run() {
    const PEOPLE: usize = 200;
    let place = place_with_people(PEOPLE);
    preview(&place);
    let start = || {
        let mut command = place.command(&apply_with(&["--json"]));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
    };
    for process in [start(), start(), start()] {
        let ended = Ran::read(process.wait_with_output().expect("the end"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let run: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(count(&run, "linked"), PEOPLE as u64, "it ends when the run is done");
    }
    assert_all_linked_once(&place, PEOPLE);
}

#[test]
fn suggestions_are_a_table() {
    let place = place();
    place.write("policy.json", br#"{ "mode": "suggest" }"#);
    import(&place);
    preview(&place);
    insta::assert_snapshot!(place.good(&["backfill", "suggestions", "report/plan.ndjson"]));
    let pairs = place.lines(&["backfill", "suggestions", "report/plan.ndjson", "--json"]);
    assert_eq!((pairs.len(), &pairs[0]["candidate"]), (1, &Value::from("auth0|1")));
    let others = ["backfill", "suggestions", "report/plan.ndjson", "--only", "reason=OTHER", "--json"];
    assert_eq!(place.bad(&others, 2), "error: the plan has no suggestion that the options select\n");
}

#[test]
fn suggestions_have_whole_addresses_where_the_preview_was_asked_for_them() {
    let place = place();
    place.write("policy.json", br#"{ "mode": "suggest" }"#);
    place.good(&[
        "backfill",
        "preview",
        "--users",
        "users.ndjson",
        "--policy",
        "policy.json",
        "--report",
        "report",
        "--addresses",
    ]);
    let pairs = place.lines(&["backfill", "suggestions", "report/plan.ndjson", "--json"]);
    assert_eq!(pairs[0]["address"], "ada@corp.com");
}

#[test]
fn suggestions_are_asked_at_the_next_login() {
    let place = place();
    place.write("policy.json", br#"{ "mode": "suggest" }"#);
    import(&place);
    preview(&place);
    let pairs = place.lines(&["backfill", "suggestions", "report/plan.ndjson", "--json"]);
    let users = place.lines(&["users", "export"]);
    for pair in &pairs {
        let user = users.iter().find(|user| user["user_id"] == pair["user_id"]).expect("a user");
        let connection = &user["identities"][0]["connection"];
        let event = serde_json::json!({
            "user": user,
            "connection": { "name": connection, "strategy": user["identities"][0]["provider"] },
        });
        place.write("event.json", event.to_string().as_bytes());
        let decided = place.json(&["run", "--event", "event.json", "--policy", "policy.json", "--json"]);
        let decided = decided.to_string();
        assert!(decided.contains("\"suggest\""), "{decided}");
        for said in [&pair["candidate"], &pair["reason"]] {
            assert!(decided.contains(said.as_str().expect("a text")), "{said}: {decided}");
        }
    }
    assert_eq!(pairs.len(), 1);
}
