//! `ligature serve --record`: the logins of a browser and of a refresh, replayed.

use std::process::Command;

use crate::tenants::{Tenant, by_google, by_password, database_user};

use super::{AUTO, File, tokens};

crate::tests![logins_of_a_tenant_are_replayed_without_it, an_unusable_folder_is_told_at_the_start];

fn replay(folder: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ligature")).args(["replay", folder]).output();
    let output = output.expect("the program runs");
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8"))
}

fn logins_of_a_tenant_are_replayed_without_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recordings = folder.path().join("recordings").to_str().expect("UTF-8").to_owned();
    let policy = File::with(AUTO);
    let tenant = Tenant::started(
        &database_user("1", "ada@example.com"),
        &["--policy", policy.name(), "--record", &recordings],
    );
    let by_form = by_password(&mut tenant.browser(), "ada@example.com", &[]);
    let tokens = tokens(&tenant, &by_form);
    let response = by_google(&mut tenant.browser(), "1080", &[("login_hint", "c4nary@example.com")]);
    assert!(response.answer().contains_key("code"), "{:?}", response.answer());
    tenant.running.stop();
    let (code, said) = replay(&recordings);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("2 recorded logins: 2 as recorded\n"), "{said}");
    for file in std::fs::read_dir(&recordings).expect("the folder") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a recording");
        let secrets = ["c4nary", "correct horse", tokens["access_token"].as_str().expect("a token")];
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
}

fn an_unusable_folder_is_told_at_the_start() {
    let (folder, file) = (tempfile::tempdir().expect("a temporary folder"), File::with(""));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
    command.args(["serve", "--port", "0", "--tls-port", "0", "--record", file.name()]);
    let output = command.env("LIGATURE_STATE", folder.path()).env_remove("LIGATURE_DIRECTORY").output();
    let output = output.expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let expected =
        format!("error: {}: this is not a folder; name a folder for the recordings\n", file.name());
    assert!(said.ends_with(&expected), "{said}");
}
