//! `ligature test` with a plugin that fails.

use std::fs;
use std::process::{Command, Output};

/// A snapshot of a crash would be green for ever.
#[test]
fn the_failure_of_a_plugin_is_not_accepted_unasked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let demo = include_str!("../../../examples/cases/verified-google-login.json");
    let case = demo.replace("\"name\": \"google-oauth2\"", "\"name\": \"panic\"");
    fs::write(folder.path().join("case.json"), case).expect("it is written");
    let test = |more: &[&str]| -> Output {
        Command::new(env!("CARGO_BIN_EXE_ligature"))
            .args(["test", "case.json", "--plugin", ligature_test_guests::EVIL_FILE])
            .args(more)
            .current_dir(folder.path())
            .output()
            .expect("the program runs")
    };
    let refused = test(&["--accept"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains("--accept-failures accepts it"), "{said}");
    assert!(!folder.path().join("snapshots").exists());
    assert_eq!(test(&["--accept", "--accept-failures"]).status.code(), Some(0));
    assert_eq!(test(&[]).status.code(), Some(0));
}
