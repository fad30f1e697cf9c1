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
