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
    assert_snapshot!(all(&["policy", "check", "p.toml"], "p.toml", &texts));
}

#[test]
fn each_policy_of_a_policies_file_is_checked() {
    let text = "[[policy]]\nname = \"first\"\nsettings = { mode = \"off\" }\n\
                [[policy]]\nname = \"second\"\nsettings = { mode = \"auto\", deny_unverified_candidate = 1 }\n";
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("p.toml"), text).expect("a file is written");
    let checked = ligature_in(folder.path(), &["policy", "check", "p.toml"]);
    assert_eq!(checked.code, Some(2), "{}", checked.stderr);
    assert!(checked.stdout.starts_with("p.toml: policy `first`: good, sha256 "), "{}", checked.stdout);
    assert!(checked.stderr.starts_with("error: p.toml, line 6, column "), "{}", checked.stderr);

    let json = ligature_in(folder.path(), &["policy", "check", "p.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["is_good"], false);
    let policies: Vec<_> =
        ["name", "is_good"].map(|key| (&json["policies"][0][key], &json["policies"][1][key])).into();
    assert_eq!(policies[0], (&"first".into(), &"second".into()));
    assert_eq!(policies[1], (&true.into(), &false.into()));
    assert_eq!(json["policies"][1]["error"]["line"], 6, "{json}");

    // Without a mode, nothing is linked.
    fs::write(folder.path().join("p.toml"), "[[policy]]\n").expect("a file is written");
    let checked = ligature_in(folder.path(), &["policy", "check", "p.toml"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.ends_with("nothing is linked\n"), "{}", checked.stdout);

    let with_plugin = ligature_in(folder.path(), &["policy", "check", "p.toml", "--plugin", "a.wasm"]);
    let expected = "error: p.toml: a policies file names its plugins; leave --plugin out\n";
    assert_eq!((with_plugin.code, with_plugin.stderr.as_str()), (Some(2), expected));
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
