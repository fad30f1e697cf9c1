//! A fault in a policy document is reported in the same words by every command
//! that reads one, wherever the document stands: file, place, key, fault, and the
//! nearest known name.

use std::fs;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::{ligature_in, workspace};

/// Returns the output of `policy check` for a document.
fn check_policy(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("p.json"), text).expect("a file is written");
    let ran = ligature_in(folder.path(), &["policy", "check", "p.json"]);
    assert_eq!(ran.code, Some(2), "{text}: {}", ran.stdout);
    let place = ran.stderr.trim_end().strip_prefix("error: p.json, ").expect("the file and the place");
    format!("{}\n  {place}", text.escape_debug())
}

macro_rules! refused {
    ($($name:ident $text:literal)+) => {
        $(#[test]
        fn $name() {
            assert_snapshot!(check_policy($text));
        })+
    };
}

// The last key of a document: each kind of fault, each way to end the text.
refused! {
    last_key_of_a_wrong_type "{\n  \"mode\": \"auto\",\n  \"proof_max_age_s\": \"60\"\n}\n"
    last_key_that_is_null "{\n  \"proof_max_age_s\": null\n}\n"
    last_key_that_is_a_boolean "{\n  \"proof_max_age_s\": false\n}\n"
    last_key_that_is_a_list "{\n  \"proof_max_age_s\": [\n 1\n ]\n}\n"
    last_key_that_is_an_object "{\n  \"proof_max_age_s\": {\n }\n}\n"
    last_key_that_is_a_number "{\n  \"excluded_clients\": 7\n}\n"
    last_key_with_an_unknown_name "{\n  \"mode\": \"auto\",\n  \"prefered\": 1\n}\n"
    last_key_with_an_unknown_value "{\n  \"mode\": \"atuo\"\n}\n"
    last_key_below_the_range "{\n  \"unlink_cooldown_days\": -1\n}\n"
    last_key_above_the_range "{\n  \"unlink_cooldown_days\": 4294967296\n}\n"
    last_key_beyond_all_numbers "{\n  \"unlink_cooldown_days\": 1e400\n}\n"
    last_key_with_a_fraction "{\n  \"unlink_cooldown_days\": 1.5\n}\n"
    last_key_out_of_the_checked_range "{\n  \"mode\": \"auto\",\n  \"proof_max_age_s\": 86401\n}\n"
    last_key_that_stands_twice "{\n  \"mode\": \"auto\",\n  \"mode\": \"off\"\n}\n"
    last_key_of_a_nested_object "{\n  \"metadata\": {\n    \"app\": {\n      \"keys\": {\n        \"a\": \"dorp\"\n      }\n    }\n  }\n}\n"
    last_element_of_a_list "{\n  \"trusted_connections\": [\n    \"a\",\n    {\n      \"name\": \"b\",\n      \"domains\": \"x\"\n    }\n  ]\n}\n"
    last_key_without_a_newline_behind_it "{\n  \"mode\": \"atuo\"\n}"
    last_key_with_line_ends_of_windows "{\r\n  \"mode\": \"atuo\"\r\n}\r\n"
    last_key_of_one_line "{\"mode\": \"atuo\"}"
    last_key_behind_a_byte_order_mark "\u{feff}{\n  \"mode\": \"atuo\"\n}\n"
    last_key_with_blanks_behind_it "{\n  \"mode\": \"atuo\"\n\n\n   }\n"
    key_whose_name_is_a_value_before "{\n  \"excluded_clients\": [\"proof_max_age_s\"],\n  \"proof_max_age_s\": 0\n}\n"
}

const FAULTY: &str = "{\n  \"mode\": \"auto\",\n  \"prompts\": {\n    \"graze\": 1\n  }\n}\n";
/// The words of every command, behind the file and the place.
const WORDS: &str = "the policy: `prompts`: unknown field `graze`, expected one of `max`, `ask_again_after_days`, `grace`; did you mean `grace`?";

/// Returns the output of the program for these files and arguments, and expects
/// exit code 2.
fn refusal(files: &[(&str, &str)], arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::copy(workspace().join("tests/cases/S-01.json"), folder.path().join("case.json")).expect("a case");
    fs::copy(workspace().join("examples/directory/event.json"), folder.path().join("event.json"))
        .expect("an event");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file is written");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(arguments)
        .current_dir(folder.path())
        .env("LIGATURE_STATE", folder.path().join("state"))
        .env("LIGATURE_LOG", "error")
        .env_remove("LIGATURE_DIRECTORY")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("the program prints UTF-8");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    said
}

const SERVE: [&str; 5] = ["serve", "--port", "0", "--tls-port", "0"];

#[test]
fn every_command_reports_a_policy_file_in_the_same_words() {
    let files: &[(&str, &str)] = &[
        ("p.json", FAULTY),
        ("policies.toml", "[[policy]]\nsettings = \"p.json\"\n"),
        ("tenant.toml", "[[policy]]\nsettings = \"p.json\"\n"),
    ];
    let expected = format!("p.json, line 4, column 11: {WORDS}");
    let commands: [&[&str]; 8] = [
        &["policy", "check", "p.json"],
        &["run", "case.json", "--policy", "p.json"],
        &["run", "--event", "event.json", "--directory", "sqlite:users.db", "--policy", "p.json"],
        &["run", "case.json", "--policies", "policies.toml"],
        &["test", "case.json", "--policy", "p.json"],
        &["test", "case.json", "--policies", "policies.toml"],
        &[&SERVE[..], &["--policy", "p.json"]].concat(),
        &[&SERVE[..], &["--config", "tenant.toml"]].concat(),
    ];
    for command in commands {
        let said = refusal(files, command);
        assert!(said.contains(&expected), "{command:?}: {said}");
    }
}

#[test]
fn every_command_reports_the_policy_of_a_case_in_the_same_words() {
    let case = |policy: &str| {
        format!(
            "{{\n  \"title\": \"t\", \"now\": \"2026-11-21T10:00:00Z\",\n  {policy},\n  \"event\": {{\"user\": {{\"user_id\": \"auth0|1\"}}, \"connection\": {{\"name\": \"db\", \"strategy\": \"auth0\"}}}}\n}}\n"
        )
    };
    let own = case(&format!("\"policy\": {FAULTY}"));
    let commands: [&[&str]; 3] = [&["run", "c.json"], &["test", "c.json"], &["bench", "c.json"]];
    for command in commands {
        let said = refusal(&[("c.json", &own)], command);
        assert!(said.contains(&format!("line 6, column 11: {WORDS}")), "{command:?}: {said}");
    }
    let named = case(&format!("\"policies\": [{{\"name\": \"one\", \"settings\": {FAULTY}}}]"));
    let files: &[(&str, &str)] = &[("c.json", &named), ("policies.toml", "[[policy]]\nname = \"one\"\n")];
    let commands: [&[&str]; 2] = [
        &["run", "c.json", "--policies", "policies.toml"],
        &["test", "c.json", "--policies", "policies.toml"],
    ];
    for command in commands {
        let said = refusal(files, command);
        assert!(said.contains(&format!("line 6, column 11: {WORDS}")), "{command:?}: {said}");
    }
}

#[test]
fn every_command_reports_the_keys_of_an_entry_in_the_same_words() {
    for (keys, place) in [
        ("settings = { mode = \"auto\", prompts = { graze = 1 } }\n", "line 4, column 41"),
        ("[policy.settings]\nmode = \"auto\"\n\n[policy.settings.prompts]\ngraze = 1\n", "line 8, column 1"),
        ("settings.prompts.graze = 1\r\n", "line 4, column 18"),
    ] {
        // The second entry, behind one that is good.
        let text = format!("[[policy]]\nname = \"first\"\n[[policy]]\n{keys}");
        let commands: [&[&str]; 2] = [
            &["run", "case.json", "--policies", "entries.toml"],
            &[&SERVE[..], &["--config", "entries.toml"]].concat(),
        ];
        for command in commands {
            let said = refusal(&[("entries.toml", &text)], command);
            assert!(said.contains(&format!("entries.toml, {place}: {WORDS}")), "{command:?}: {said}");
        }
    }
}

#[test]
fn a_value_of_an_entry_that_json_does_not_have_is_reported_at_its_place() {
    let text = "[[policy]]\n[policy.settings]\nmode = \"auto\"\nexcluded_clients = [\"a\", 2026-11-21]\n";
    let said = refusal(&[("entries.toml", text)], &["run", "case.json", "--policies", "entries.toml"]);
    assert!(
        said.contains(
            "entries.toml, line 4, column 26: the policy: `excluded_clients[1]`: this is a date or a time"
        ),
        "{said}"
    );
    let text = "[[policy]]\nsettings = { proof_max_age_s = inf }\n";
    let said = refusal(&[("entries.toml", text)], &["run", "case.json", "--policies", "entries.toml"]);
    assert!(
        said.contains("line 2, column 32: the policy: `proof_max_age_s`: this number is not finite"),
        "{said}"
    );
}

#[test]
fn a_warning_has_the_place_of_its_key() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("p.json"), "{\n  \"mode\": \"auto\",\n  \"mfa\": \"ignore\"\n}\n")
        .expect("a file is written");
    let ran = ligature_in(folder.path(), &["policy", "check", "p.json"]);
    let line = "warning: p.json, line 3, column 3: the policy: `mfa`: A login without a second factor gets access to an account that has one. (S-53 in docs/security.md)";
    assert!(ran.code == Some(0) && ran.stdout.lines().any(|it| it == line), "{}", ran.stdout);
    let ran = ligature_in(folder.path(), &["policy", "check", "p.json", "--json"]);
    let checked: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let warning = &checked["warnings"][0];
    assert_eq!((&warning["line"], &warning["column"]), (&3.into(), &3.into()));
    // A preset's own options stand nowhere in the document.
    fs::write(folder.path().join("p.json"), "{\"preset\": \"auth0-rule\"}").expect("a file is written");
    let ran = ligature_in(folder.path(), &["policy", "check", "p.json"]);
    assert!(ran.stdout.contains("warning: p.json: the policy: `mfa`: "), "{}", ran.stdout);
}
