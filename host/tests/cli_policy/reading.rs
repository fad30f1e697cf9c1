//! Invalid files: the errors that are reported, by every
//! reader in the same words.

use std::fs;

use insta::assert_snapshot;

use crate::ligature_in;

/// Returns the error of a command for a file with this text.
fn print_error(arguments: &[&str], file: &str, text: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join(file), text).expect("a file is written");
    let ran = ligature_in(folder.path(), arguments);
    let said = if ran.code == Some(0) { "taken".to_owned() } else { ran.stderr.trim().to_owned() };
    format!("{}\n  {said} (exit {})", String::from_utf8_lossy(text).escape_debug(), ran.code.unwrap_or(-1))
}

fn all(arguments: &[&str], file: &str, texts: &[&[u8]]) -> String {
    texts.iter().map(|text| print_error(arguments, file, text)).collect::<Vec<_>>().join("\n")
}

/// Faults of any JSON file.
const FORMS: [&[u8]; 11] = [
    b"",
    b" \n",
    b"\xef\xbb\xbf",
    b"[]",
    b"null",
    b"\"x\"",
    b"{",
    b"{\"a\" 1}",
    b"{a: 1}",
    b"{\"a\": yes}",
    b"\xff\xfe{\0}\0",
];

#[test]
fn of_a_policy() {
    let texts: [&[u8]; 13] = [
        b"\xef\xbb\xbf{\"mode\": \"auto\"}",
        br#"{"connection_groups": {"a": ["x"]}, "modee": "auto"}"#,
        br#"{"connection_groups": {"a": "x"}}"#,
        br#"{"metadata": {"user": {"keys": {"z": "drop"}, "default": 5}}}"#,
        br#"{"prompts": {"max": 3.5}}"#,
        br#"{"mode": "auto", "trusted_connections": [{"name": "a", "domains": "x"}]}"#,
        br#"{"mode": "auto", "trusted_connections": [{"name": "a", "domains": ["@acme.com"]}]}"#,
        br#"{"trusted_connections": {"name": "a"}}"#,
        br#"{"privileged": []}"#,
        br#"{"metadata": {"app": ["drop"]}}"#,
        br#"{"limits": [10, 20]}"#,
        br#"{"mode": "auto", "mode": "off"}"#,
        b"{\"mode\": \"auto\",\n}",
    ];
    assert_snapshot!(all(&["policy", "check", "p.json"], "p.json", &[&FORMS[..], &texts].concat()));
}

#[test]
fn of_a_policies_file() {
    let texts: [&[u8]; 6] = [
        b"[[policy]]\nname = \"a\"\nsettings = { mode = \"auto\" }\n[[policy]]\nname = \"b\"\nsettings = { modee = 1 }\n\
          [[policy]]\nname = \"c\"\nsettings = { mode = \"never\" }\n",
        b"[[policy]]\nsettings = \"none.json\"\n",
        b"[[policy]]\nplugin = \"none.wasm\"\n",
        b"[policy]\n",
        b"",
        b"{}",
    ];
    assert_snapshot!(all(&["policy", "check", "--policies", "p.toml"], "p.toml", &texts));
}

/// Checks a policies file of this text beside `bad.json`. Returns the result, and the JSON of the same.
fn check_policies(text: &str) -> (crate::Ran, serde_json::Value) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("p.toml"), text).expect("a file is written");
    fs::write(folder.path().join("bad.json"), "{\n \"mode\": 1}").expect("a file is written");
    let arguments = ["policy", "check", "--policies", "p.toml"];
    let ran = ligature_in(folder.path(), &arguments);
    let json = ligature_in(folder.path(), &[&arguments[..], &["--json"]].concat());
    assert_eq!((json.code, json.stderr.as_str()), (ran.code, ""));
    (ran, serde_json::from_str(&json.stdout).expect("JSON"))
}

#[test]
fn each_policy_of_a_policies_file_is_checked() {
    let (ran, json) = check_policies(
        "[[policy]]\nname = \"first\"\nplugin = \"none.wasm\"\n\
         [[policy]]\nname = \"second\"\nsettings = \"bad.json\"\n\
         [[policy]]\nname = \"third\"\nsettings = { preset = \"auth0-rule\", mode = \"auto\" }\n",
    );
    assert_eq!(ran.code, Some(2));
    assert!(ran.stdout.starts_with("p.toml: policy `third`: good, sha256 "), "{}", ran.stdout);
    assert!(ran.stdout.contains("warning: "), "{}", ran.stdout);
    let errors: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(errors.len(), 2, "{}", ran.stderr);
    assert_eq!(errors[0], "error: policy `first`: none.wasm: there is no such file");
    assert!(errors[1].starts_with("error: policy `second`: bad.json, line 2, column "), "{}", errors[1]);

    assert_eq!(json["is_good"], false);
    let is_good: Vec<_> = [0, 1, 2].map(|at| &json["policies"][at]["is_good"]).into();
    assert_eq!(is_good, [false, false, true]);
    let error = &json["policies"][1]["error"];
    assert_eq!((&error["file"], &error["line"]), (&"bad.json".into(), &2.into()), "{json}");
    assert!(!json["policies"][2]["warnings"].as_array().expect("a list").is_empty(), "{json}");
}

/// A policy without a mode links nothing.
#[test]
fn a_policy_without_a_mode_has_a_note() {
    let (ran, json) = check_policies("[[policy]]\n");
    assert_eq!((ran.code, &json["is_good"]), (Some(0), &true.into()));
    assert!(ran.stdout.ends_with("nothing is linked\n"), "{}", ran.stdout);
}

/// The fuel is enough to check the document, and not enough to list the warnings.
#[test]
fn a_plugin_that_fails_when_it_is_asked_for_warnings_is_not_called_good() {
    let fuel = |limit: u32| {
        format!("[limits]\nfuel = {limit}\n[[policy]]\nsettings = {{ preset = \"auth0-rule\" }}\n")
    };
    // The command's answer is good only with the warnings that it has with enough fuel.
    let (_, whole) = check_policies(&fuel(10_000_000));
    let whole = &whole["policies"][0]["warnings"];
    let mut limit = 20_000;
    let good = loop {
        let (ran, json) = check_policies(&fuel(limit));
        if ran.code == Some(0) {
            break json;
        }
        assert!(ran.stderr.contains("ran out of fuel"), "{}", ran.stderr);
        assert_eq!(ran.code, Some(1));
        limit += limit / 20;
    };
    assert_eq!(&good["policies"][0]["warnings"], whole);
}

#[test]
fn a_policies_file_has_an_option_of_its_own() {
    let text = b"[[policy]]\nsettings = { mode = \"auto\" }\n";
    let error = print_error(&["policy", "check", "p.toml"], "p.toml", text);
    let expected =
        "p.toml: this is a policies file; a policy document is JSON with the settings of one policy (exit 2)";
    assert!(error.ends_with(expected), "{error}");
    let faulty = b"[[policy]]\nsha256 = \"no hash\"\n";
    assert!(print_error(&["policy", "check", "p.toml"], "p.toml", faulty).ends_with(expected));
    let error = print_error(&["policy", "check", "--policies", "p.json"], "p.json", b"{}");
    assert!(error.contains("p.json: this is JSON: a policies file is TOML"), "{error}");
    for option in ["--plugin", "--limits", "--wasi"] {
        let arguments = ["policy", "check", "--policies", "p.toml", option, "minimal"];
        assert!(print_error(&arguments, "p.toml", text).contains("cannot be used with"), "{option}");
    }
}

#[test]
fn an_event_is_no_case() {
    let event = br#"{"user": {"user_id": "auth0|1"}, "connection": {}, "agent": "x"}"#;
    let error = print_error(&["run", "e.json"], "e.json", event);
    let expected = "e.json: this is an event, not a case: a case holds it under the key `event` (exit 2)";
    assert!(error.ends_with(expected), "{error}");
    let misspelt = br#"{"users": [], "evnt": {}, "user": {}}"#;
    assert!(!print_error(&["run", "c.json"], "c.json", misspelt).contains("not a case"));
}

#[test]
fn of_a_case() {
    let texts: [&[u8]; 4] = [
        br#"["t", "2026-11-21T10:00:00Z"]"#,
        br#"{"title": ["t"]}"#,
        br#"{"title": "t", "now": "2026-11-21T10:00:00Z", "exact_look_up": 1}"#,
        br#"{"title": "t", "now": "2026-11-21T10:00:00Z", "users": [], "faults": [{"call": "accounts.link", "nth": -1}]}"#,
    ];
    assert_snapshot!(all(&["run", "c.json"], "c.json", &[&FORMS[..], &texts].concat()));
}

#[test]
fn of_an_event() {
    let texts: [&[u8]; 2] = [br#"{"user": []}"#, br#"{"user": {"user_id": "auth0|1", "logins_count": "7"}}"#];
    let arguments = ["run", "--event", "e.json", "--directory", "sqlite:u.db", "--dry-run"];
    assert_snapshot!(all(&arguments, "e.json", &[&FORMS[..], &texts].concat()));
}

#[test]
fn of_a_limits_file() {
    let texts: [&[u8]; 6] = [
        b"\xef\xbb\xbf[limits]\nfuel = 50000000\n",
        b"[limits]\nfuel = \"7\"\n",
        b"[limits]\nfuel = -1\n",
        b"limits = []\n",
        b"[limits]\nfeul = 7\n",
        b"[limits\n",
    ];
    assert_snapshot!(all(&["inspect", "--limits", "l.toml"], "l.toml", &texts));
}

#[test]
fn of_a_tenant_configuration() {
    let texts: [&[u8]; 4] =
        [b"clients = 5\n", b"[[clients]]\nclient_id = 7\n", b"[[clients]]\nclient_sekret = \"x\"\n", b"x"];
    let arguments = ["serve", "--config", "t.toml", "--state", "state"];
    assert_snapshot!(all(&arguments, "t.toml", &texts));
}
