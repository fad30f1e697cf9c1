//! The example Action, run by Node.js against the service.

use std::process::Command;

use libtest_mimic::Completion;

use crate::service::{DATABASE, GOOGLE, OLD_SECRET, Place, SECRET};

crate::tests![the_action_carries_the_answers_out];

/// Node.js of the version that the suite `clients` wants.
fn find_node() -> Result<(), String> {
    let output = Command::new("node").arg("--version").output().map_err(|error| format!("node: {error}"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major: u32 =
        version.trim_start_matches('v').split('.').next().and_then(|it| it.parse().ok()).unwrap_or(0);
    if major >= 20 { Ok(()) } else { Err(format!("node is {version}, older than 20")) }
}

fn the_action_carries_the_answers_out() -> Completion {
    if let Err(why) = find_node() {
        let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
        assert!(!required.split([',', ' ']).any(|name| name == "clients"), "{why}");
        return Completion::ignored_with(why);
    }
    let place = Place::new();
    place.write("old", OLD_SECRET);
    place.write("limits.toml", "[limits]\ndeadline_ms = 4000\n");
    let old = place.file("old");
    let service = place.start(&["--secret-file", old.to_str().expect("UTF-8")]);
    let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hook/action.test.mjs");
    let output = Command::new("node")
        .args(["--test-reporter=spec", suite])
        .env("LIGATURE_HOOK", &service.url)
        .env("LIGATURE_PROGRAM", env!("CARGO_BIN_EXE_ligature"))
        .env("LIGATURE_DIRECTORY", &place.directory)
        .env("LIGATURE_TEST_SECRETS", format!("{SECRET} {OLD_SECRET}"))
        .env("LIGATURE_TEST_USERS", format!("{GOOGLE} {DATABASE}"))
        .output()
        .expect("node runs");
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&said), service.log());
    Completion::Completed
}
