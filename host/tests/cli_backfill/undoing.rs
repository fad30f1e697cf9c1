//! Undoing runs, runs that meet others, and the groups that did not end as planned.

use std::process::{Child, Stdio};

use serde_json::Value;

use crate::place::{Place, Ran};
use crate::runs::{apply, apply_with, count, list_users, run_id, start_slowly};
use crate::user_base::{place_with_people, preview};

fn undo(place: &Place, run: &str) -> Ran {
    place.run(&["backfill", "undo", run])
}

fn start(place: &Place, args: &[&str]) -> Child {
    let mut command = place.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
}

/// Returns the state of a run after the end of a command.
fn read_end(child: Child) -> Value {
    let ended = Ran::read(child.wait_with_output().expect("the end"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("JSON")
}

fn read_groups(place: &Place, run: &str) -> Vec<Value> {
    place.lines(&["backfill", "status", run, "--groups", "--json"])
}

fn count_entries(place: &Place) -> usize {
    place.lines(&["journal", "list", "--json", "--limit", "10000"]).len()
}

#[test]
fn a_group_whose_undo_was_refused_is_tried_again() {
    let place = place_with_people(2);
    preview(&place);
    let run = run_id(&apply(&place, &[]));
    let merge = ["users", "merge", "auth0|1x0", "auth0|1x1", "--reason", "a ticket", "--json"];
    let merged = place.json(&merge);
    let ended = undo(&place, &run);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    let expected =
        format!("groups that are not undone: 1; `ligature backfill status {run} --groups` tells why");
    assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    let groups = read_groups(&place, &run);
    let refused: Vec<_> = groups.iter().filter(|it| it["state"] == "undo_refused").collect();
    assert_eq!((groups.len(), refused.len()), (2, 1));
    assert!(refused[0]["detail"].as_str().expect("a text").len() > 20, "{groups:?}");

    let link = merged["link_id"].as_str().expect("an id");
    place.good(&["undo", link]);
    let ended = undo(&place, &run);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("Groups of this command:\n             1  undone\n"), "{}", ended.stdout);
    let sessions =
        "Sessions and refresh tokens that the separated account had before the link are not in the";
    assert!(
        ended.stdout.contains(&format!("Not as before, by links:\n             1  {sessions}")),
        "{}",
        ended.stdout
    );
    assert_eq!(list_users(&place).len(), 4);
    let groups = read_groups(&place, &run);
    assert_eq!(groups.len(), 2);
    for group in &groups {
        let detail = group["detail"].as_str().expect("a text");
        assert_eq!(group["state"], "undone");
        assert!(detail.contains("Sessions and refresh tokens that google-oauth2|2x"), "{detail}");
        assert!(detail.contains("`app_metadata.linking` of auth0|1x"), "{detail}");
    }
    let told = place.good(&["backfill", "status", &run, "--groups"]);
    assert_eq!(told.lines().filter(|line| line.ends_with("  UNDONE")).count(), 2, "{told}");
}

#[test]
fn an_undo_tells_of_links_that_a_person_has_undone_before() {
    let place = place_with_people(1);
    preview(&place);
    let run = run_id(&apply(&place, &[]));
    let entries = place.lines(&["journal", "list", "--json"]);
    place.good(&["undo", entries[0]["entry_id"].as_str().or(entries[0]["id"].as_str()).expect("an id")]);
    assert_eq!(undo(&place, &run).code, Some(0));
    let groups = read_groups(&place, &run);
    let detail = groups[0]["detail"].as_str().expect("a text");
    let separated =
        "`app_metadata.linking` of auth0|1x0 and google-oauth2|2x0 says that they were separated before";
    assert!(detail.starts_with(separated), "{detail}");
}

#[test]
fn an_undo_does_not_give_a_blocked_person_an_open_account() {
    let place = place_with_people(1);
    preview(&place);
    let run = run_id(&apply(&place, &[]));
    place.good(&["users", "block", "auth0|1x0"]);
    assert_eq!(undo(&place, &run).code, Some(1));
    let groups = read_groups(&place, &run);
    let detail = groups[0]["detail"].as_str().expect("a text");
    assert!(detail.starts_with("auth0|1x0 is blocked, and the separated account would not be"), "{detail}");
    assert_eq!(list_users(&place), ["auth0|1x0"]);
}

#[test]
fn a_run_that_is_undone_before_its_end_links_nothing_more() {
    const PEOPLE: usize = 400;
    let place = place_with_people(PEOPLE);
    preview(&place);
    let child = start_slowly(&place);
    let run = place.good(&["backfill", "status"])[..16].to_owned();
    let ended = undo(&place, &run);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("  waiting until now, and not applied any more\n"), "{}", ended.stdout);
    let applied = Ran::read(child.wait_with_output().expect("the end"));
    assert_eq!(applied.code, Some(0), "{}", applied.stderr);
    let again = apply(&place, &[]);
    assert_eq!((count(&again, "waiting"), count(&again, "linked")), (0, 0), "{again}");
    assert_eq!(list_users(&place).len(), 2 * PEOPLE);
}

#[test]
fn two_commands_undo_one_run() {
    const PEOPLE: u64 = 60;
    let place = place_with_people(60);
    preview(&place);
    let run = run_id(&apply(&place, &[]));
    let args = ["backfill", "undo", &run, "--json"];
    for child in [start(&place, &args), start(&place, &args)] {
        assert_eq!(count(&read_end(child), "undone"), PEOPLE);
    }
    assert_eq!(count_entries(&place), 120);
}

#[test]
fn runs_that_overlap_count_their_own_links() {
    let place = place_with_people(200);
    preview(&place);
    let commands = [apply_with(&["--json"]), apply_with(&["--sample", "60%", "--json"])];
    let children = commands.map(|args| start(&place, &args));
    let runs = children.map(read_end);
    let linked: u64 = runs.iter().map(|run| count(run, "linked")).sum();
    assert_eq!((linked, count_entries(&place)), (200, 200));
    for run in &runs {
        for group in read_groups(&place, &run_id(run)) {
            assert_eq!(group["reason"], "ALREADY_LINKED", "{group}");
        }
    }
    let undone = place.json(&["backfill", "undo", &run_id(&runs[1]), "--json"]);
    assert_eq!(count(&undone, "undone"), count(&runs[1], "linked"));
}

#[test]
fn a_run_is_named_by_the_beginning_of_its_id() {
    let place = place_with_people(1);
    preview(&place);
    let run = run_id(&apply(&place, &[]));
    assert!(place.good(&["backfill", "status", &run[..6]]).contains(&format!("Run {run} of")));
    let listed = place.good(&["backfill", "status"]);
    assert!(listed.starts_with(&run) && listed.contains("  LINKED 1"), "{listed}");
    assert!(undo(&place, "nothing").stderr.contains("there is no run `nothing` here"));
    assert_eq!(undo(&place, &run[..6]).code, Some(0));
}

#[test]
fn options_that_select_no_group_of_the_run_are_told() {
    let place = place_with_people(1);
    preview(&place);
    let run = run_id(&apply(&place, &[]));
    let ended = place.run(&["backfill", "undo", &run, "--only", "reason=OTHER"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("no linked or waiting group that the options select"), "{}", ended.stderr);
    assert_eq!(list_users(&place).len(), 1);
}
