//! The program with a tenant of Auth0 as its directory: the local tenant.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;

use super::gate::{Act, Gate, When};
use super::tenant;
use crate::tenants::{CONFIG, Tenant, database_user, user};

crate::tests![
    a_tenant_is_linked_and_undone_by_the_program,
    a_killed_link_is_repaired_by_the_program,
    a_tenant_needs_a_journal_and_credentials,
];

/// The machine application of the program.
const LINKER: &str = r#"
[[clients]]
client_id = "linker"
name = "The program"
client_secret = "the-s3cret-of-the-program"
grant_types = ["client_credentials"]
scopes = ["read:users", "update:users", "read:roles", "create:role_members"]
"#;

/// The program in a folder, with the tenant as its directory.
struct Operator<'a> {
    folder: &'a Path,
    directory: String,
}

impl Operator<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
        command.current_dir(self.folder).args(arguments);
        for name in ["LIGATURE_DIRECTORY", "LIGATURE_JOURNAL"] {
            command.env_remove(name);
        }
        command
            .args(["--directory", &self.directory, "--journal", "sqlite:journal.db"])
            .env("LIGATURE_AUTH0_CLIENT_ID", "linker")
            .env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-program")
            .env("NO_COLOR", "1");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    fn good(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out.into_owned()
    }

    fn bad(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        err
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.good(arguments)).expect("JSON")
    }
}

fn a_tenant_is_linked_and_undone_by_the_program() {
    let users = LINKER.to_owned()
        + &database_user("ada", "ada@example.com")
        + &user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let tenant = Tenant::with(&users);
    let folder = tempfile::tempdir().expect("a folder");
    let domain = tenant.http().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let operator = Operator { folder: folder.path(), directory: format!("auth0://{domain}") };

    operator.good(&["users", "merge", "auth0|ada", "google-oauth2|1080", "--reason", "ticket 7"]);
    let entry = operator.json(&["journal", "list", "--json"]);
    assert_eq!((&entry["kind"], &entry["state"]), (&"link".into(), &"done".into()));
    let id = entry["id"].as_str().expect("an id");
    let kept = operator.json(&["journal", "show", id, "--json"]);
    assert_eq!(kept["kept"]["whole"]["secondary"]["user_id"], "google-oauth2|1080");
    let shown = operator.json(&["users", "show", "auth0|ada"]);
    assert!(shown.to_string().contains("1080"), "{shown}");

    operator.good(&["undo", id, "--dry-run"]);
    let undone = operator.json(&["undo", id, "--json"]);
    assert_eq!(undone["secondary"]["identities"], serde_json::json!(["google-oauth2|1080"]));
    assert_eq!(undone["primary"]["identities"], serde_json::json!(["auth0|ada"]));
    let notes = undone["not_restored"].to_string();
    assert!(notes.contains("new `created_at`"), "{notes}");
    assert!(operator.bad(&["undo", id], 1).contains("undone already"));
    assert_eq!(operator.good(&["journal", "repair"]), "nothing to repair: every change is complete\n");
    operator.good(&["users", "block", "auth0|ada"]);
    assert_eq!(operator.json(&["users", "show", "auth0|ada"])["blocked"], true);

    let list = operator.bad(&["users", "list"], 2);
    assert!(list.contains("the tenant's own export"), "{list}");
    let nobody = operator.bad(&["users", "show", "auth0|404"], 1);
    assert!(nobody.contains("the tenant has no such user"), "{nobody}");
}

/// Kills a link before or after its own request, and returns once the process has ended.
fn kill_link(operator: &Operator<'_>, gate: &Gate, ids: [&str; 2], when: When) {
    let running: Arc<Mutex<Option<Child>>> = Arc::default();
    let target = running.clone();
    let happen = move || {
        loop {
            if let Some(child) = target.lock().expect("the child").as_mut() {
                child.kill().and_then(|()| child.wait()).expect("a process of this test");
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    gate.begin_at("POST", "/identities", Act::Meanwhile(when, Arc::new(happen)));
    let mut command = operator.command(&["users", "merge", ids[0], ids[1], "--reason", "ticket 7"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
    *running.lock().expect("the child") = Some(child);
    let status = loop {
        if let Some(status) =
            running.lock().expect("the child").as_mut().expect("it runs").try_wait().expect("its status")
        {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), None, "it was killed, and did not end");
    gate.begin(None);
}

fn a_killed_link_is_repaired_by_the_program() {
    let upstream = Arc::new(OnceLock::new());
    let gate = Gate::open(upstream.clone());
    let named = format!("name = \"tenant\"\nhosts = [\"127.0.0.1:{}\"]", gate.port());
    let mut config = CONFIG.replacen("name = \"tenant\"", &named, 1) + LINKER;
    for n in 0..3 {
        config += &database_user(&format!("ada{n}"), &format!("ada{n}@example.com"));
        config += &user(&format!("google-oauth2|{n}"), &format!("ada{n}@example.com"), "google-oauth2");
    }
    let tenant = Tenant::configured(&config, &[]);
    let port = tenant.http().trim_end_matches('/').rsplit(':').next().expect("a port");
    upstream.set(port.parse().expect("a port")).expect("it is set once");
    let folder = tempfile::tempdir().expect("a folder");
    let operator =
        Operator { folder: folder.path(), directory: format!("auth0://127.0.0.1:{}", gate.port()) };

    gate.begin(None);
    operator.good(&["users", "merge", "auth0|ada2", "google-oauth2|2", "--reason", "ticket 7"]);
    for (n, when, result) in [(0, When::Before, "abandoned"), (1, When::After, "finished")] {
        let (primary, secondary) = (format!("auth0|ada{n}"), format!("google-oauth2|{n}"));
        kill_link(&operator, &gate, [&primary, &secondary], when);
        let told = operator.good(&["journal", "repair"]);
        assert!(told.contains("may still be under way; it can be repaired in "), "{told}");
        // A minute later.
        let journal = rusqlite::Connection::open(folder.path().join("journal.db")).expect("the journal");
        journal.execute("UPDATE journal SET place = place - 61000000", []).expect("it is older");
        drop(journal);
        let repaired = operator.json(&["journal", "repair", "--json"]);
        assert_eq!((&repaired["result"], &repaired["primary"]), (&result.into(), &primary.as_str().into()));
        assert_eq!(operator.good(&["journal", "repair"]), "nothing to repair: every change is complete\n");
        let shown = operator.json(&["users", "show", &primary]);
        let is_linked = shown["identities"].as_array().expect("identities").len() == 2;
        assert_eq!(is_linked, result == "finished", "{shown}");
        let state = if is_linked { "done" } else { "abandoned" };
        let entries = operator.good(&["journal", "list", "--user", &primary, "--json"]);
        let entry: Value = serde_json::from_str(entries.trim()).expect("one entry");
        assert_eq!(entry["state"], state, "{entry}");
    }
}

fn a_tenant_needs_a_journal_and_credentials() {
    let tenant = tenant("");
    let domain = tenant.http().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
        command.current_dir(folder.path()).args(["journal", "repair"]).args(arguments);
        for name in ["LIGATURE_DIRECTORY", "LIGATURE_JOURNAL"] {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let directory = format!("auth0://{domain}");
    let told = run(&["--directory", &directory], &[]);
    assert!(told.contains("name a database for it with --journal"), "{told}");
    let told = run(&["--directory", &directory, "--journal", "sqlite:journal.db"], &[]);
    assert!(told.contains("LIGATURE_AUTH0_CLIENT_ID"), "{told}");
    let told = run(&["--directory", "sqlite:users.db", "--journal", "sqlite:journal.db"], &[]);
    assert!(told.contains("--journal is for a tenant of Auth0"), "{told}");
    let id = [("LIGATURE_AUTH0_CLIENT_ID", "web"), ("LIGATURE_AUTH0_CLIENT_SECRET", "s")];
    let told = run(&["--directory", &directory, "--journal", &directory], &id);
    assert!(told.contains("is not a database"), "{told}");
    // A mistyped journal is not created, and not reported as one without a fault.
    let told = run(&["--directory", &directory, "--journal", "sqlite:mistyped.db"], &id);
    assert!(told.contains("the journal sqlite:mistyped.db cannot be used"), "{told}");
    assert!(!folder.path().join("mistyped.db").exists());
    let told = run(&["--directory", "auth0://web:s3cret@host", "--journal", "sqlite:journal.db"], &id);
    assert!(told.contains("a user name or a password") && !told.contains("s3cret"), "{told}");
}
