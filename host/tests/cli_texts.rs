//! The program `ligature` among people who write what it prints: names,
//! addresses, a plugin's texts, file names, arguments. None of it may move the
//! cursor, reach the clipboard, begin a line of its own, or hide.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Takes the clipboard (OSC 52), the line, the terminal's title by a C1 control,
/// and the reading direction.
const HOSTILE: &str = "x\u{1b}]52;c;ZXZpbA==\u{7}\nerror: \r\u{1b}[2J\u{9d}0;evil\u{9c}\u{7f}\u{202e}\u{200b}\u{2028}\u{feff}\u{e0041}";

/// An id with marks and invisible characters, which are allowed; control characters are not.
const USER_ID: &str = "google-oauth2|2\u{202e}\u{200b}\u{e0041}";

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A folder with a directory of users in it.
struct Place {
    folder: tempfile::TempDir,
    forced_colours: bool,
}

impl Place {
    fn new(forced_colours: bool) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), forced_colours }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), text).expect("a file is written");
    }

    /// Runs it, and sees that what it prints is clean.
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("LIGATURE_DIRECTORY", "sqlite:users.db")
            .env("USER", HOSTILE)
            .env_remove("SUDO_USER")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE");
        if self.forced_colours {
            command.env("CLICOLOR_FORCE", "1");
        }
        let Output { status, stdout, stderr } = command.output().expect("the program runs");
        let clean = |bytes| {
            let text = String::from_utf8(bytes).expect("the program prints UTF-8");
            let text = if self.forced_colours { without_colours(&text) } else { text };
            let found: Vec<_> = text.chars().filter(|c| is_hostile(*c)).collect();
            assert!(found.is_empty(), "{arguments:?} prints {found:?}:\n{text}");
            text
        };
        Ran { code: status.code(), stdout: clean(stdout), stderr: clean(stderr) }
    }

    fn good(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        ran.stdout
    }

    /// The one line of a run that must fail.
    fn bad(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_ne!(ran.code, Some(0), "{arguments:?}: {}", ran.stdout);
        assert_eq!(ran.stderr.lines().count(), 1, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        ran.stderr
    }
}

/// Returns whether a character does something to a terminal, or to what is read on it.
/// Written down here once more: the program's own table is under test.
fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text without the sequences that set colours and weight.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((codes, rest)) if codes.chars().all(|c| c.is_ascii_digit() || c == ';') => {
                plain.push_str(rest);
            }
            _ => plain.push_str(&format!("\u{1b}[{part}")),
        }
    }
    plain
}

/// Runs a test without colours and with them.
fn either_way(test: impl Fn(&Place)) {
    for forced_colours in [false, true] {
        test(&Place::new(forced_colours));
    }
}

fn event(connection: &str) -> Value {
    json!({
        "user": {
            "user_id": USER_ID, "email": "ada@example.com", "email_verified": true, "name": HOSTILE,
        },
        "connection": {"name": connection, "strategy": HOSTILE},
        "client": {"client_id": "web", "name": HOSTILE},
        "organization": {"id": HOSTILE},
        "authentication": {"methods": [{"name": HOSTILE}]},
    })
}

fn ada() -> Value {
    json!({
        "user_id": "auth0|1", "email": "ada@example.com", "email_verified": true, "name": HOSTILE,
        "created_at": "2024-01-01T00:00:00Z", "logins_count": 1, "last_login": "2026-01-01T00:00:00Z",
        "roles": [HOSTILE], "organizations": [HOSTILE], "user_metadata": {HOSTILE: HOSTILE},
    })
}

fn case(connection: &str) -> String {
    json!({
        "title": HOSTILE, "now": "2026-11-21T10:00:00Z", "policy": {},
        "users": [ada()], "event": event(connection),
    })
    .to_string()
}

#[test]
fn a_page_holds_only_its_own_controls() {
    either_way(|place| {
        for attack in ["hostile-texts", "hostile-link"] {
            place.write("case.json", case(attack));
            let evil = ["run", "case.json", "--plugin", ligature_test_guests::EVIL_FILE];
            let page = place.good(&evil);
            assert!(page.contains(r"detail \u{202e}\u{200b}\u{e0041}"), "{page}");
            assert!(page.contains(r"(x\u{1b}]52;"), "the name is told: {page}");
            place.good(&[&evil[..], &["--explain"]].concat());
            let report: Value =
                serde_json::from_str(&place.good(&[&evil[..], &["--json"]].concat())).expect("JSON");
            let detail = report["reasons"][0]["detail"].as_str().expect("a detail");
            assert!(detail.contains("\u{202e}\u{200b}\u{e0041}"), "{detail:?}");
        }
        place.write("case.json", case(HOSTILE));
        place.good(&["run", "case.json", "--explain"]);
        place.good(&["run", "case.json", "--explain", "--json"]);
    });
}

#[test]
fn a_failure_is_one_line() {
    either_way(|place| {
        for attack in ["hostile-panic", "hostile-end"] {
            place.write("case.json", case(attack));
            let ran = place.run(&["run", "case.json", "--plugin", ligature_test_guests::EVIL_FILE]);
            assert_eq!(ran.code, Some(1));
            assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
            let (page, output) =
                ran.stdout.split_once("Standard error of the plugin").unwrap_or((&ran.stdout, ""));
            assert!(page.lines().count() < 60, "{page}");
            // Output is shown in lines, each of which begins with the host's own
            // spaces.
            let lines = output.split("\n\n").next().unwrap_or_default().lines().skip(1);
            assert!(lines.into_iter().all(|line| line.starts_with("  ")), "{output}");
        }
    });
}

#[test]
fn a_differing_snapshot_holds_only_its_own_controls() {
    either_way(|place| {
        place.write(&format!("{HOSTILE}.json"), case("hostile-texts"));
        let arguments = ["test", ".", "--plugin", ligature_test_guests::EVIL_FILE];
        assert_eq!(place.run(&arguments).code, Some(1), "there is no snapshot");
        place.good(&[&arguments[..], &["--accept"]].concat());
        let snapshot = place.path().join("snapshots").join(format!("{HOSTILE}.snap"));
        let held = fs::read_to_string(&snapshot).expect("the snapshot is there");
        assert!(!held.chars().any(is_hostile), "{held}");
        fs::write(&snapshot, held.replace("detail", &format!("detail {}", &HOSTILE[1..]))).expect("written");
        let ran = place.run(&arguments);
        assert_eq!(ran.code, Some(1), "it differs: {}{}", ran.stdout, ran.stderr);
    });
}

#[test]
fn a_case_that_is_none_is_told_in_one_line() {
    either_way(|place| {
        for text in [
            json!({ HOSTILE: 1 }).to_string(),
            json!({ "title": HOSTILE, "now": HOSTILE }).to_string(),
            case("google-oauth2").replace("\"auth0|1\"", &json!(HOSTILE).to_string()),
            case("google-oauth2").replace("\"policy\":{}", &format!("\"policy\":{}", json!({ HOSTILE: 1 }))),
        ] {
            place.write("case.json", text);
            place.bad(&["run", "case.json"]);
            assert_eq!(place.run(&["test", "case.json"]).code, Some(2));
        }
        place.write("policy.json", json!({ HOSTILE: 1 }).to_string());
        place.bad(&["policy", "check", "policy.json"]);
        place.bad(&["run", &format!("{}.json", HOSTILE.replace('/', ""))]);
        place.bad(&["run", "case.json", "--plugin", HOSTILE]);
        place.bad(&["policy", "check", "policy.json", "--limits", HOSTILE]);
    });
}

#[test]
fn a_mistaken_command_line_is_repeated_harmlessly() {
    either_way(|place| {
        let option = format!("--{HOSTILE}");
        for arguments in [
            &["run", option.as_str()][..],
            &[HOSTILE],
            &["schema", HOSTILE],
            &["journal", "show", HOSTILE],
            &["bench", "case.json", "--seconds", HOSTILE],
            &["run", "--event", "e", "--now", HOSTILE],
            &["journal", "list", "--limit", HOSTILE],
        ] {
            let ran = place.run(arguments);
            assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
            assert!(
                ran.stderr.lines().filter(|line| line.starts_with("error: ")).count() == 1,
                "{}",
                ran.stderr
            );
        }
        place.good(&["--help"]);
        place.good(&["run", "--help"]);
        place.good(&["--version"]);
    });
}

#[test]
fn a_directory_of_hostile_users_is_told_harmlessly() {
    either_way(|place| {
        place.write("users.ndjson", format!("{}\n{}\n", ada(), json!({ "user_id": HOSTILE, HOSTILE: 1 })));
        place.run(&["users", "import", "users.ndjson"]);
        place.write("event.json", event("hostile-link").to_string());
        let evil = ["--plugin", ligature_test_guests::EVIL_FILE];
        place.good(&[&["run", "--event", "event.json"][..], &evil].concat());
        let list = place.good(&["journal", "list"]);
        assert_eq!(list.lines().count(), 1, "{list}");
        let entries = place.good(&["journal", "list", "--json"]);
        let entry: Value = serde_json::from_str(&entries).expect("JSON");
        assert!(entry["secondary"].as_str().is_some_and(|id| id.contains('\u{202e}')), "{entry}");
        let id = entry["id"].as_str().expect("an id");
        let shown = place.good(&["journal", "show", id]);
        assert!(shown.contains(r"reason \u{202e}"), "{shown}");
        place.good(&["journal", "show", id, "--json"]);

        let user: Value = serde_json::from_str(&place.good(&["users", "show", "auth0|1"])).expect("JSON");
        assert_eq!(user["name"], HOSTILE, "JSON means the same");
        let exported = place.good(&["users", "export"]);
        let exported: Value = serde_json::from_str(&exported).expect("a user a line");
        assert_eq!(exported["user_metadata"][HOSTILE], HOSTILE);
        place.good(&["users", "export", "--format", "import"]);

        place.bad(&["users", "show", HOSTILE]);
        place.bad(&["users", "import", HOSTILE]);
        place.good(&["undo", id, "--dry-run"]);
        place.good(&["undo", id]);
        let undone = entry_of(&place.good(&["journal", "list", "--json"]), "undo");
        let shown = place.good(&["journal", "show", &undone]);
        assert!(shown.contains(r"the operator x\u{1b}]52;"), "{shown}");
        place.bad(&["undo", id]);
    });
}

fn entry_of(entries: &str, kind: &str) -> String {
    let entries = entries.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let entry = entries.into_iter().find(|entry| entry["kind"] == kind).expect("an entry");
    entry["id"].as_str().expect("an id").to_owned()
}

/// A component may import from a URL, in which anything but `<` and `>` may stand.
#[test]
fn an_import_of_an_inspected_file_is_told_harmlessly() {
    let escaped: String = HOSTILE.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let component = wat::parse_str(format!("(component (import \"url=<{escaped}>\" (func)))"));
    let component = component.expect("a component");
    either_way(|place| {
        place.write("hostile.wasm", &component);
        let ran = place.run(&["inspect", "hostile.wasm"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stdout.contains(r"url=<x\u{1b}]52;"), "{}", ran.stdout);
        place.run(&["inspect", "hostile.wasm", "--json"]);
        place.bad(&["run", "case.json", "--plugin", "hostile.wasm"]);
    });
}

/// A change that a plugin suggests is tried: what changes nothing is not shown, and
/// what comes of the others is the host's to say.
#[test]
fn a_hint_that_changes_nothing_is_not_shown() {
    let place = Place::new(false);
    place.write("case.json", case("untrue-hint"));
    let page = place.good(&["run", "case.json", "--explain", "--plugin", ligature_test_guests::EVIL_FILE]);
    let (_, told) = page.split_once("What would change it:").expect("an explanation");
    let (told, _) = told.split_once("\n\n").expect("the changes come after it");
    assert_eq!(
        told,
        "\n    With these keys in the policy, the login would be denied:\n      {\"loud\":true}\n      Only if you are sure."
    );
}

/// Only the plugin knows whether it has tried a change, so the explanation claims nothing else.
#[test]
fn an_explanation_claims_nothing_that_the_plugin_did_not_say() {
    let place = Place::new(false);
    place.write("case.json", case("no-counterfactual"));
    let page = place.good(&["run", "case.json", "--explain", "--plugin", ligature_test_guests::EVIL_FILE]);
    assert!(page.contains("What would change it: the plugin reports no change\n"), "{page}");
    place.write("case.json", case("unasked-trace"));
    let page = place.good(&["run", "case.json", "--plugin", ligature_test_guests::EVIL_FILE]);
    assert!(!page.contains("Explanation") && !page.contains("nobody asked"), "{page}");
}

#[test]
fn a_place_and_a_mistaken_value_are_told_once() {
    let place = Place::new(false);
    place.write("a.json", "{\"title\": 7}");
    let told = place.run(&["test", "a.json"]).stdout;
    let lines: Vec<_> = told.lines().take(2).collect();
    assert_eq!(lines, ["✗ a.json", "  line 1, column 11: `title`: expected a text, not the number 7"]);

    place.write("b.json", case("google-oauth2"));
    let snapshots = place.path().join("snapshots");
    fs::create_dir(&snapshots).expect("a folder");
    for (held, why) in [
        ("---\n\t: {\n---\n", "this is not a snapshot: Failed parsing the YAML"),
        ("Expression: x\n\n", "this is not a snapshot: it does not begin with a line `---`"),
    ] {
        fs::write(snapshots.join("b.snap"), held).expect("a file is written");
        assert_eq!(place.bad(&["test", "b.json"]), format!("error: snapshots/b.snap: {why}\n"));
    }

    let told = place.run(&["journal", "show", "nowhere"]).stderr;
    let line = told.lines().next();
    assert_eq!(
        line,
        Some(
            "error: invalid value for '<LINK-ID>': `nowhere` is not a LINK-ID; `ligature journal list` prints them"
        )
    );
    let told = place.run(&["bench", "b.json", "--seconds", "many"]).stderr;
    let line = told.lines().next();
    let bad_number = "error: invalid value 'many' for '--seconds <SECONDS>': expected a number of seconds from 0.01 to 600";
    assert_eq!(line, Some(bad_number));
}
