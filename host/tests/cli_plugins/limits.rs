//! The file of `--limits`.

use std::fs;
use std::process::Command;

use insta::assert_snapshot;

/// The error of the demo's login under these limits.
fn refusal(limits: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it is written");
    write("case.json", include_str!("../../../examples/cases/verified-google-login.json"));
    write("limits.toml", limits);
    let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["run", "case.json", "--limits", "limits.toml"])
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    assert_ne!(ran.status.code(), Some(0));
    String::from_utf8(ran.stderr).expect("UTF-8")
}

#[test]
fn a_message_names_the_key_of_its_limit() {
    for (limit, key) in [
        ("fuel = 1000", "fuel"),
        ("memory_bytes = 65536", "memory_bytes"),
        ("instances = 1", "instances"),
        ("tables = 1", "tables"),
        ("table_elements = 1", "table_elements"),
        ("functions = 1", "functions"),
        ("lifted_bytes = 1", "lifted_bytes"),
        ("text_bytes = 1", "text_bytes"),
        ("reasons = 1", "reasons"),
    ] {
        let refusal = refusal(&format!("[limits]\n{limit}\n"));
        assert!(refusal.contains(&format!("(the limit is `{key}`")), "{limit}: {refusal}");
    }
}

#[test]
fn a_limit_that_cannot_be_is_told_with_its_range() {
    assert_snapshot!(refusal("[limits]\nfuel = 0\n"));
}

#[test]
fn a_misspelt_limit_is_told_with_its_line() {
    assert_snapshot!(refusal("[limits]\nfuel = 1\nfeul = 2\n"));
}

/// The error of the demo's login with these options.
fn refusal_with(options: &[&str]) -> String {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cases/verified-google-login.json");
    let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["run", demo])
        .args(options)
        .output()
        .expect("the program runs");
    assert_ne!(ran.status.code(), Some(0));
    String::from_utf8(ran.stderr).expect("UTF-8")
}

#[test]
fn limits_are_settings() {
    let fuel = refusal_with(&["--fuel", "1000"]);
    assert_eq!(fuel.lines().count(), 1, "one sentence: {fuel}");
    assert!(fuel.contains("ran out of fuel: it may use 1000 (the limit is `fuel`)"), "{fuel}");
    let memory = refusal_with(&["--memory", "1"]);
    assert!(memory.contains("(the limit is `memory_bytes`)"), "{memory}");
}
