//! The program with a tenant of Auth0 as its directory: the local tenant.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::tenant;
use crate::tenants::{Tenant, database_user, user};

crate::tests![a_tenant_is_linked_and_undone_by_the_program, a_tenant_needs_a_journal_and_credentials];

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
    fn run(&self, arguments: &[&str]) -> Output {
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
        command.output().expect("the program runs")
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

    operator.good(&["users", "link", "auth0|ada", "google-oauth2|1080"]);
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

    let list = operator.bad(&["users", "list"], 1);
    assert!(list.contains("the tenant's own export"), "{list}");
    let nobody = operator.bad(&["users", "show", "auth0|404"], 1);
    assert!(nobody.contains("by its whole id only"), "{nobody}");
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
    assert!(told.contains("name a directory for it with --journal"), "{told}");
    let told = run(&["--directory", &directory, "--journal", "sqlite:journal.db"], &[]);
    assert!(told.contains("LIGATURE_AUTH0_CLIENT_ID"), "{told}");
    let told = run(&["--directory", "sqlite:users.db", "--journal", "sqlite:journal.db"], &[]);
    assert!(told.contains("--journal is for a tenant of Auth0"), "{told}");
    let id = [("LIGATURE_AUTH0_CLIENT_ID", "web"), ("LIGATURE_AUTH0_CLIENT_SECRET", "s")];
    let told = run(&["--directory", &directory, "--journal", &directory], &id);
    assert!(told.contains("is not a database"), "{told}");
    let told = run(&["--directory", "auth0://web:s3cret@host", "--journal", "sqlite:journal.db"], &id);
    assert!(told.contains("a user name or a password") && !told.contains("s3cret"), "{told}");
}
