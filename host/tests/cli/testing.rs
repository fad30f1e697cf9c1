//! `ligature test`: snapshots that pass, differ, and are accepted.

use std::fs;

use insta::assert_snapshot;

use crate::{demo_case, directory_with, ligature_in, sentence, workspace};

#[test]
fn test_passes_from_any_directory() {
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let cases = workspace().join("tests/cases");
    let ran = ligature_in(elsewhere.path(), &["test", &cases.to_string_lossy()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(" passed, 0 failed"), "{}", ran.stdout);
}

#[test]
fn test_leaves_a_new_case_for_review_and_accepts_it() {
    let directory = directory_with(&[("case.json", &demo_case())]);
    let snapshot = directory.path().join("snapshots/case.snap");
    let pending = directory.path().join("snapshots/case.snap.new");

    let ran = ligature_in(directory.path(), &["test", "."]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("there is no snapshot yet"), "{}", ran.stdout);
    assert!(pending.exists() && !snapshot.exists());
    insta::Snapshot::from_file(&pending).expect("insta reads what is left for review");

    let ran = ligature_in(directory.path(), &["test", ".", "--accept"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(!pending.exists());
    let accepted = insta::Snapshot::from_file(&snapshot).expect("insta reads what was accepted");
    assert_eq!(
        accepted.metadata().description(),
        Some("A verified Google login joins the existing database account")
    );

    assert_eq!(ligature_in(directory.path(), &["test", "."]).code, Some(0));
}

#[test]
fn test_shows_a_difference_line_by_line() {
    let directory = directory_with(&[("case.json", &demo_case())]);
    assert_eq!(ligature_in(directory.path(), &["test", ".", "--accept"]).code, Some(0));
    let snapshot = directory.path().join("snapshots/case.snap");
    let held = fs::read_to_string(&snapshot).expect("the snapshot is there");
    fs::write(
        &snapshot,
        held.replace("The older account is the primary", "The younger account is the primary"),
    )
    .expect("it is written");

    let ran = ligature_in(directory.path(), &["test", "."]);
    assert_eq!(ran.code, Some(1));
    let (shown, _) = ran.stdout.rsplit_once(" in ").expect("a summary with the time");
    assert_snapshot!(shown);
}

#[test]
fn test_goes_on_after_an_unreadable_case() {
    let directory = directory_with(&[("a.json", "{"), ("b.json", &demo_case())]);
    let ran = ligature_in(directory.path(), &["test", ".", "--accept"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stdout.contains("1 passed, 1 failed"), "{}", ran.stdout);
}

#[test]
fn directory_without_cases() {
    let directory = directory_with(&[]);
    assert_snapshot!(sentence(&ligature_in(directory.path(), &["test", "."])));
}
