//! Users that were imported, who have no password yet.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{administration, log_in, patch, reset, sign_up, subject_of, tenant_with};
use crate::http::Request;
use crate::tenants::{DATABASE, PASSWORD, Tenant, database_user, open};

crate::tests![
    an_imported_address_is_taken,
    an_imported_username_is_taken,
    an_imported_user_gets_their_first_password,
    a_mail_goes_to_nobody_where_two_have_the_address,
    a_user_is_not_imported_behind_somebody_who_signed_up,
];

const USERS: &str = concat!(
    r#"{"user_id":"auth0|own","email":"Own@example.com","email_verified":true,"username":"owner"}"#,
    "\n",
    r#"{"user_id":"google-oauth2|1","email":"mail@example.com","email_verified":true,"identities":["#,
    r#"{"provider":"google-oauth2","user_id":"1","connection":"google-oauth2","isSocial":true},"#,
    r#"{"provider":"auth0","user_id":"linked","connection":"Username-Password-Authentication","isSocial":false,"#,
    r#""profileData":{"email":"linked@example.com","email_verified":true}}]}"#,
    "\n",
    r#"{"user_id":"auth0|one","email":"two@example.com"}"#,
    "\n",
    r#"{"user_id":"auth0|other","email":"tow@example.com"}"#,
    "\n",
);

fn import(folder: &Path, directory: &str, users: &str) -> String {
    let file = folder.join("users.ndjson");
    std::fs::write(&file, users).expect("a file is written");
    let imported = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["users", "import", "--directory", directory])
        .arg(&file)
        .output()
        .expect("it runs");
    [imported.stdout, imported.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

fn a_user_is_not_imported_behind_somebody_who_signed_up() {
    let (tenant, folder) = tenant();
    assert_eq!(sign_up(&tenant, DATABASE, "later@example.com").status, 200);
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    let later = r#"{"user_id":"auth0|later","email":"Later@example.com","email_verified":true}"#;
    let told = import(folder.path(), &directory, later);
    assert!(told.contains("already") && !told.contains("1 user added"), "{told}");
    assert_eq!(tenant.user("auth0|later").status, 404);
}

/// A tenant on a directory that these users were imported into.
fn tenant() -> (Tenant, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    let told = import(folder.path(), &directory, USERS);
    assert!(told.contains("4 users added"), "{told}");
    // As an older program has imported them.
    let users = rusqlite::Connection::open(folder.path().join("users.db")).expect("the file");
    users
        .execute_batch(
            "UPDATE users SET email = 'two@example.com', email_lower = 'two@example.com', \
             document = replace(document, 'tow@example.com', 'two@example.com') WHERE user_id = 'auth0|other'",
        )
        .expect("two users have one address");
    drop(users);
    (tenant_with(&database_user("eve", "eve@example.com"), &["--directory", &directory]), folder)
}

fn an_imported_address_is_taken() {
    let (tenant, _folder) = tenant();
    for email in ["own@example.com", "OWN@EXAMPLE.COM", "linked@example.com", "two@example.com"] {
        let refused = sign_up(&tenant, DATABASE, email);
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (400, Some("invalid_signup")),
            "{email}"
        );

        let mut browser = tenant.browser();
        let state = open(&mut browser, &[]);
        let fields =
            [("state", state.as_str()), ("connection", DATABASE), ("email", email), ("password", PASSWORD)];
        let page = browser.submit("/u/sign-up", &fields);
        assert!(
            page.status == 400 && page.text().contains("No account was created"),
            "{email}: {}",
            page.text()
        );

        let user = json!({ "connection": DATABASE, "email": email, "password": PASSWORD });
        let created = administration(&tenant, Request::post("/api/v2/users").json(&user));
        assert_eq!(
            (created.status, created.json()["errorCode"].as_str()),
            (409, Some("user_exists")),
            "{email}"
        );
        assert_eq!(patch(&tenant, "auth0|eve", &json!({ "email": email })).status, 409, "{email}");
    }
    // Each database has addresses of its own, and the user's other ones are free.
    assert_eq!(sign_up(&tenant, "Staff", "own@example.com").status, 200);
    assert_eq!(sign_up(&tenant, DATABASE, "mail@example.com").status, 200);
}

fn an_imported_username_is_taken() {
    let (tenant, _folder) = tenant();
    let user = json!({ "connection": DATABASE, "email": "x@example.com", "username": "Owner", "password": PASSWORD });
    assert_eq!(administration(&tenant, Request::post("/api/v2/users").json(&user)).status, 409);
    assert_eq!(patch(&tenant, "auth0|eve", &json!({ "username": "owner" })).status, 409);
}

fn an_imported_user_gets_their_first_password() {
    let (tenant, _folder) = tenant();
    for (email, login, user_id) in [
        ("own@example.com", "owner", "auth0|own"),
        ("linked@example.com", "linked@example.com", "google-oauth2|1"),
    ] {
        assert_eq!(log_in(&tenant, login, "").status, 400);
        assert_eq!(log_in(&tenant, login, PASSWORD).status, 403);
        let done = reset(&tenant, email, "a first password").expect("a mail");
        assert_eq!(done.status, 200, "{}", done.text());
        for login in [email, login] {
            assert_eq!(subject_of(&log_in(&tenant, login, "a first password")), user_id);
        }
    }
}

fn a_mail_goes_to_nobody_where_two_have_the_address() {
    let (tenant, _folder) = tenant();
    assert!(reset(&tenant, "two@example.com", PASSWORD).is_none());
}
