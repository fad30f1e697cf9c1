//! Addresses of directories: passwords in them, and the environment.

use crate::place::{Place, Ran};

#[test]
fn a_password_is_never_repeated() {
    let place = Place::empty();
    for (url, code) in [
        ("mysql://root:hunter2@localhost/x", 2),
        // Correct URLs whose server does not answer now.
        ("postgres://u:hunter2@127.0.0.1:1/x", 1),
        ("postgres://u:hunter2@127.0.0.1:port/x", 2),
    ] {
        let ran = Ran::read(
            place.command(&["users", "export"]).env("LIGATURE_DIRECTORY", url).output().expect("it runs"),
        );
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
    let help = place.good(&["users", "export", "--help"]);
    assert!(help.contains("[env: LIGATURE_DIRECTORY]"), "its value is not printed: {help}");
}

#[test]
fn the_environment_says_what_a_postgres_url_leaves_out() {
    let place = Place::empty();
    let export = |url: &str, port: &str, code: i32| {
        let mut command = place.command(&["users", "export", "--directory", url]);
        command.env("PGHOST", "127.0.0.1").env("PGPORT", port).env("PGUSER", "u");
        let ran =
            Ran::read(command.env("PGPASSWORD", "hunter2").env("PGDATABASE", "x").output().expect("it runs"));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
        ran.stderr
    };
    assert!(export("postgres://", "1", 1).contains("postgres://127.0.0.1:1/x cannot be reached"));
    assert!(export("postgres://localhost/y", "2", 1).contains("postgres://localhost:2/y cannot be reached"));
    assert!(export("postgres://", "hunter2", 2).contains("PGPORT cannot be understood"));
}

const TENANT: &str = "auth0://acme.eu.auth0.com";

/// Runs a command on a directory and a journal that variables of the environment name.
fn refuse(place: &Place, arguments: &[&str], variables: &[(&str, &str)], code: i32) -> String {
    let mut command = place.command(arguments);
    let credentials = [("LIGATURE_AUTH0_CLIENT_ID", "linker"), ("LIGATURE_AUTH0_CLIENT_SECRET", "hunter2")];
    command.env_remove("LIGATURE_DIRECTORY").envs(credentials).envs(variables.iter().copied());
    let ran = Ran::read(command.output().expect("it runs"));
    assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn a_location_that_is_none_is_named_by_its_option() {
    let place = Place::empty();
    let list = ["journal", "list", "--directory"];
    let journals = "expected sqlite:PATH or postgres://USER@HOST/DATABASE";
    for (journal, why) in [
        ("journal.db", "this names no database"),
        ("mysql://root:hunter2@host/db", "this names no database"),
        (TENANT, "a tenant of Auth0 is not a database"),
        ("sqlite:", "`sqlite:` names no file"),
    ] {
        let error = refuse(&place, &[&list[..], &[TENANT, "--journal", journal]].concat(), &[], 2);
        assert_eq!(error, format!("error: --journal: {why}; {journals}\n"));
        let error = refuse(&place, &[&list[..], &[TENANT]].concat(), &[("LIGATURE_JOURNAL", journal)], 2);
        assert_eq!(error, format!("error: --journal, from LIGATURE_JOURNAL: {why}; {journals}\n"));
    }
    let directories = "expected sqlite:PATH, postgres://USER@HOST/DATABASE or auth0://DOMAIN";
    let error = refuse(&place, &[&list[..], &["users.db"]].concat(), &[], 2);
    assert_eq!(error, format!("error: --directory: this names no directory; {directories}\n"));
    let error = refuse(&place, &list[..2], &[("LIGATURE_DIRECTORY", "users.db")], 2);
    assert_eq!(
        error,
        format!("error: --directory, from LIGATURE_DIRECTORY: this names no directory; {directories}\n")
    );
    let error = refuse(&place, &[&list[..], &["https://acme.eu.auth0.com"]].concat(), &[], 2);
    assert!(error.contains("a tenant of Auth0 is named by auth0://DOMAIN"), "{error}");
}

#[test]
fn a_journal_whose_folder_is_missing_is_named_as_the_journal() {
    let place = Place::empty();
    for command in [&["journal", "list"][..], &["journal", "repair"]] {
        let options = ["--directory", TENANT, "--journal", "sqlite:nodir/j.db"];
        let error = refuse(&place, &[command, &options].concat(), &[], 2);
        assert_eq!(
            error,
            "error: the journal sqlite:nodir/j.db cannot be used: its folder nodir does not exist\n"
        );
    }
    for command in [&["users", "export"][..], &["users", "import", "users.ndjson"]] {
        let error = refuse(&place, &[command, &["--directory", "sqlite:nodir/u.db"]].concat(), &[], 2);
        let told = "the directory sqlite:nodir/u.db cannot be used: its folder nodir does not exist\n";
        assert!(error.ends_with(told), "{error}");
    }
}

#[test]
fn a_journal_beside_a_directory_with_its_own_names_the_variable() {
    let place = Place::with_users();
    let list = ["journal", "list", "--directory", "sqlite:users.db"];
    let told = "this directory keeps its journal itself; --journal is for a tenant of Auth0, auth0://DOMAIN";
    let error = refuse(&place, &[&list[..], &["--journal", "sqlite:j.db"]].concat(), &[], 2);
    assert_eq!(error, format!("error: {told}\n"));
    let error = refuse(&place, &list, &[("LIGATURE_JOURNAL", "sqlite:j.db")], 2);
    let unset = "the environment variable LIGATURE_JOURNAL sets it: unset that for this directory";
    assert_eq!(error, format!("error: {told}; {unset}\n"));
}

#[test]
fn an_import_into_a_tenant_is_refused_before_the_file_is_read() {
    let place = Place::empty();
    for (arguments, code) in [
        (&["users", "import", "nowhere.ndjson"][..], 2),
        (&["users", "import", "nowhere.ndjson", "--dry-run"], 2),
        (&["users", "import", "nowhere.ndjson", "--whole"], 2),
    ] {
        let error = refuse(&place, &[arguments, &["--directory", TENANT]].concat(), &[], code);
        assert_eq!(
            error,
            "error: users cannot be imported into a tenant of Auth0 by this program: use the tenant's own import \
             (a job of its dashboard or of its Management API)\n"
        );
    }
    for arguments in [&["users", "export"][..], &["users", "export", "--whole", "all.gz"], &["users", "list"]]
    {
        let error = refuse(&place, &[arguments, &["--directory", TENANT]].concat(), &[], 2);
        assert!(error.contains("use the tenant's own export"), "{error}");
    }
}

#[test]
fn a_command_that_needs_the_journal_of_a_tenant_says_why() {
    let place = Place::empty();
    for command in [&["journal", "list"][..], &["users", "block", "auth0|1"], &["undo", "0123"]] {
        let error = refuse(&place, &[command, &["--directory", TENANT]].concat(), &[], 2);
        assert_eq!(
            error,
            "error: a tenant of Auth0 keeps no journal, which this command reads or writes; name a database for it with \
             --journal sqlite:PATH or --journal postgres://USER@HOST/DATABASE\n"
        );
    }
}
