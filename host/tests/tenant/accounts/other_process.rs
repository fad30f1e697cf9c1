//! Changes that another process makes in the tenant's directory, while the tenant runs.

use std::process::Command;

use serde_json::Value;

use super::{refreshed, subject_of, tenant_with};
use crate::tenants::{Tenant, by_google, by_password, database_user, redeem, user};

crate::tests![a_merge_elsewhere_ends_the_refresh_tokens_of_what_moved, an_undo_elsewhere_ends_them_too,];

/// A tenant whose directory is a file, and the name of the directory.
fn ada(folder: &std::path::Path) -> (Tenant, String) {
    let directory = format!("sqlite:{}", folder.join("users.db").display());
    let users = database_user("ada", "ada@example.com")
        + &user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let tenant = tenant_with(&users, &["--directory", &directory]);
    (tenant, directory)
}

fn run(directory: &str, args: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(args)
        .args(["--directory", directory])
        .output()
        .expect("the program runs");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn merge(directory: &str) {
    run(directory, &["users", "merge", "auth0|ada", "google-oauth2|1080", "--reason", "she called"]);
}

fn refresh_token(tenant: &Tenant, answer: &std::collections::BTreeMap<String, String>) -> Value {
    redeem(tenant, "web", &answer["code"]).json()["refresh_token"].clone()
}

/// A stolen token of the smaller account must not open the larger one.
fn a_merge_elsewhere_ends_the_refresh_tokens_of_what_moved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tenant, directory) = ada(folder.path());
    let google = refresh_token(&tenant, &by_google(&mut tenant.browser(), "1080", &[]).answer());
    let own = refresh_token(&tenant, &by_password(&mut tenant.browser(), "ada@example.com", &[]).answer());
    merge(&directory);
    let refused = refreshed(&tenant, &google);
    assert_eq!((refused.status, &refused.json()["error"]), (403, &Value::from("invalid_grant")));
    assert_eq!(refreshed(&tenant, &google).status, 403, "it has ended");
    let kept = refreshed(&tenant, &own);
    assert_eq!(subject_of(&kept), "auth0|ada");
    assert!(
        tenant.log_of("audit").iter().any(|line| line["message"]
            == "a refresh token was refused: its identity belongs to another user since")
    );
}

fn an_undo_elsewhere_ends_them_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tenant, directory) = ada(folder.path());
    merge(&directory);
    let google = refresh_token(&tenant, &by_google(&mut tenant.browser(), "1080", &[]).answer());
    let listed = run(&directory, &["journal", "list", "--json"]);
    let id = listed.split_once("\"id\":").expect("an id").1.split('"').nth(1).expect("an id").to_owned();
    run(&directory, &["undo", &id]);
    assert_eq!(refreshed(&tenant, &google).status, 403);
    // A new login has tokens of the account that it is now.
    let anew = refresh_token(&tenant, &by_google(&mut tenant.browser(), "1080", &[]).answer());
    assert_eq!(subject_of(&refreshed(&tenant, &anew)), "google-oauth2|1080");
}
