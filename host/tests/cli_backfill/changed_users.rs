//! Users, and files of users, that change after they were read.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use ligature_host::backfill::{BackfillError, FileGroups, Phase, Progress};
use ligature_host::directory::OpenMode;
use ligature_host::model::User;
use ligature_test_servers::Postgres;
use serde_json::Value;

use crate::runs::count;
use crate::shared_runs::Shared;
use crate::user_base::{USERS, place};

/// Changes an account of each person but the last one, and applies the plan.
fn apply_after_changes(directory: &str) {
    const PEOPLE: u64 = 6;
    let shared = Shared::create(directory, PEOPLE);
    {
        let directory = shared.open_for(OpenMode::Existing);
        let read = |id: &str| directory.get(id).expect("a user");
        let change = |id: &str, change: &dyn Fn(&mut User)| {
            let stored = read(id);
            let mut user = User::clone(&stored.user);
            change(&mut user);
            directory.update(user, stored.version).expect("it is changed");
        };
        let third = read("google-oauth2|1-1").user;
        let third = serde_json::to_string(&*third).expect("JSON").replace("google-oauth2", "github");
        directory.create(serde_json::from_str(&third).expect("a user")).expect("it appears");
        change("google-oauth2|2-1", &|user| user.email = Some("elsewhere@example.com".to_owned()));
        change("google-oauth2|3-1", &|user| user.email_verified = (&Value::Bool(false)).into());
        assert_eq!(directory.delete("google-oauth2|4-1"), Ok(true));
        change("auth0|5-0", &|user| user.blocked = true);
    }
    let before = shared.count();
    let state: Value =
        serde_json::from_str(&Shared::expect_success(shared.start_to_apply(&[]))).expect("JSON");
    assert_eq!((count(&state, "linked"), count(&state, "left_out")), (1, 5), "{state}");
    assert_eq!(shared.count(), before - 1);
    let run = state["run"].as_str().expect("an id");
    let listed = shared.run(&["backfill", "status", run, "--groups", "--json"]);
    let groups: Vec<Value> = listed.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect();
    let gone = "The accounts do not have one address any more.";
    for (number, reason, detail) in [
        (
            1,
            "DECISION_CHANGED",
            "for google-oauth2|1-1, and the decision is CONFLICT (MULTIPLE_CANDIDATES) for ",
        ),
        (2, "ACCOUNTS_CHANGED", gone),
        (3, "DECISION_CHANGED", "SKIP (EMAIL_UNVERIFIED_CURRENT) for google-oauth2|3-1 now."),
        (4, "ACCOUNTS_CHANGED", gone),
        (5, "DECISION_CHANGED", "SKIP (CANDIDATE_BLOCKED) for google-oauth2|5-1 now."),
    ] {
        let id = ligature_host::backfill::GroupId::from_address(&format!("person{number}@example.com"));
        let group = groups.iter().find(|group| group["group"] == id.to_string()).expect("a group");
        assert_eq!((&group["state"], &group["reason"]), (&"left_out".into(), &reason.into()), "{group}");
        assert!(group["detail"].as_str().is_some_and(|it| it.contains(detail)), "{group}");
    }
}

#[test]
fn groups_whose_users_have_changed_are_left_out_and_told_in_sqlite() {
    apply_after_changes("sqlite:FOLDER/users.db");
}

#[test]
fn groups_whose_users_have_changed_are_left_out_and_told_in_postgres() {
    let Ok(server) = Postgres::start() else { return };
    apply_after_changes(&server.schema());
}

/// Writes another text into a file between its two readings.
struct Rewriting {
    file: PathBuf,
    text: String,
}

impl Progress for Rewriting {
    fn begin(&self, phase: Phase, _: Option<u64>) {
        if phase == Phase::CopyGroups {
            fs::write(&self.file, &self.text).expect("it is written");
        }
    }

    fn advance(&self, _: u64) {}

    fn count_bytes(&self, reader: Box<dyn Read>) -> Box<dyn Read> {
        reader
    }
}

#[test]
fn a_file_that_changes_between_its_two_readings_is_refused() {
    let place = place();
    let first = USERS.lines().next().expect("a line");
    // The beginning of a file is read when it is opened.
    let others: String =
        (0..15_000).map(|n| format!("{{\"user_id\":\"sms|x{n}\",\"email\":\"x{n}@corp.com\"}}\n")).collect();
    let find = |text: String| {
        place.write("users.ndjson", format!("{others}{USERS}").as_bytes());
        let rewriting = Rewriting { file: place.file("users.ndjson"), text: format!("{others}{text}") };
        FileGroups::find(&place.file("users.ndjson"), place.path(), &rewriting)
    };
    assert!(find(USERS.to_owned()).is_ok(), "it was written again, and is the same");
    for changed in [
        format!("{USERS}{first}\n"),
        USERS.replacen(&format!("{first}\n"), "", 1),
        USERS.replacen("\"email\":\"ada@corp.com\",", "", 1),
        USERS.replacen(first, "nonsense", 1),
    ] {
        let error = find(changed).err().expect("it is refused");
        assert!(matches!(error, BackfillError::FileChanged), "{error}");
        assert_eq!(error.to_string(), "the file of users has changed while it was read; preview it again");
    }
}
