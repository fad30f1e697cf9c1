//! Logins on a directory: decided, applied, journalled and undone.

use insta::assert_snapshot;
use serde_json::Value;

use crate::USERS;
use crate::place::Place;

/// Ids, times and hashes are others each time.
fn steady(text: &str, id: &str) -> String {
    let mut text = text.replace(id, "LINK-ID");
    while let Some(at) = text.find("sha256 ") {
        let end =
            at + 7 + text[at + 7..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len() - at - 7);
        text.replace_range(at..end, "sha256:…");
    }
    text
}

#[test]
fn a_login_is_decided_applied_journalled_and_undone() {
    let place = Place::with_users();
    let before = place.users();

    let dry = place.log_in(&["--dry-run"]);
    assert_eq!(place.users(), before, "a dry run writes nothing");
    assert_eq!(place.good(&["journal", "list"]), "the journal has no such entries\n");
    let report = place.log_in(&[]);
    assert_eq!(dry, report, "a dry run prints the same");
    assert_eq!(report["decision"]["primary"], "auth0|1");

    let id = place.link_id();
    assert_snapshot!("journal_show", steady(&place.good(&["journal", "show", &id]), &id));
    assert_snapshot!("undo_dry_run", place.good(&["undo", &id, "--dry-run"]));
    let user: Value = serde_json::from_str(&place.good(&["users", "show", "auth0|1"])).expect("JSON");
    assert_eq!(user["identities"].as_array().map(Vec::len), Some(2));
    assert_eq!(user["logins_count"], 4);

    place.good(&["undo", &id]);
    let separated: Value =
        serde_json::from_str(&place.good(&["users", "show", "google-oauth2|2"])).expect("JSON");
    assert_eq!(separated["organizations"][0], "org_1");
    assert_eq!(separated["app_metadata"]["plan"], "pro");
    let again = place.log_in(&[]);
    assert_eq!(again["reasons"][0]["code"], "UNLINKED_BY_OPERATOR", "the pair cools down");
    assert!(place.bad(&["undo", &id], 1).contains("was undone already"));
    assert!(place.good(&["journal", "list", "--user", "auth0|1"]).contains("undone"));
}

/// The README's example, as it stands there.
#[test]
fn the_example_of_the_readme_does_what_it_says() {
    let place = Place::empty();
    let example = |name: &str| format!("{}/../examples/directory/{name}", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(place.good(&["users", "import", &example("users.ndjson")]), "2 users added\n");
    let page = place.good(&["run", "--event", &example("event.json"), "--policy", &example("policy.json")]);
    assert!(page.contains("linked: the login continues as auth0|6571c0ffee0000000000a001"), "{page}");
    let user = place.good(&["users", "show", "auth0|6571c0ffee0000000000a001"]);
    let user: Value = serde_json::from_str(&user).expect("JSON");
    assert_eq!(
        (&user["last_ip"], &user["logins_count"]),
        (&"192.0.2.44".into(), &88.into()),
        "the login is counted"
    );
    let list = place.good(&["journal", "list"]);
    let link = "link    google-oauth2|115014287643218005122 into auth0|6571c0ffee0000000000a001\n";
    assert!(list.ends_with(link), "{list}");
    let undone = place.good(&["undo", &place.link_id()]);
    assert!(undone.starts_with("google-oauth2|115014287643218005122 is a separate user again\n"), "{undone}");
}

#[test]
fn a_login_through_a_linked_identity_is_its_primarys() {
    let place = Place::with_users();
    place.log_in(&[]);
    let report = place.log_in(&[]);
    assert_eq!(report["decision"]["kind"], "proceed");
    assert_eq!(report["reasons"][0]["code"], "ALREADY_LINKED");
    assert_eq!(report["reasons"][0]["subject"][0], "auth0|1");
}

/// Tokens are never for the user that the event still names.
#[test]
fn whoever_was_linked_before_goes_on_as_the_primary_in_json_too() {
    let place = Place::with_users();
    let arguments = ["run", "--event", "event.json", "--policy", "policy.json", "--json"];
    let run = || serde_json::from_str::<Value>(&place.good(&arguments)).expect("JSON");
    let first = run();
    assert_eq!((&first["decision"]["primary"], &first["user_id"]), (&"auth0|1".into(), &Value::Null));
    let second = run();
    assert_eq!((&second["decision"]["kind"], &second["user_id"]), (&"proceed".into(), &"auth0|1".into()));
}

#[test]
fn a_first_login_makes_its_user_and_a_dry_run_does_not() {
    let place = Place::empty();
    let error = place.bad(&["run", "--event", "event.json", "--dry-run"], 2);
    assert!(error.contains("there is no such file"), "{error}");
    place.log_in(&[]);
    let user: Value = serde_json::from_str(&place.good(&["users", "show", "google-oauth2|2"])).expect("JSON");
    assert_eq!((&user["logins_count"], &user["created_at"]), (&1.into(), &"2026-11-21T10:00:00.000Z".into()));
}

#[test]
fn an_event_of_another_tenant_is_refused() {
    let place = Place::with_users();
    place.write(
        "event.json",
        br#"{"user":{"user_id":"auth0|9","identities":[{"provider":"google-oauth2","user_id":"2","connection":"google-oauth2"}]},"connection":{"name":"google-oauth2"}}"#,
    );
    let error = place.bad(&["run", "--event", "event.json"], 2);
    assert!(error.contains("the event says that google-oauth2|2 is auth0|9"), "{error}");
    place.write("event.json", br#"{"user":{"user_id":"google-oauth2|2"},"connection":{"name":"other"}}"#);
    let error = place.bad(&["run", "--event", "event.json"], 1);
    assert!(error.contains("belongs to the connection `google-oauth2`, not to `other`"), "{error}");
}

/// The owner of an address that only the directory's stale copy holds is a stranger.
#[test]
fn a_login_is_never_linked_by_the_address_of_an_older_copy() {
    for (id, connection, strategy) in
        [("auth0|1", "Username-Password-Authentication", "auth0"), ("email|1", "email", "email")]
    {
        for (said, code) in [
            (r#""email": "ada@example.com", "email_verified": false"#, "EMAIL_UNVERIFIED_CURRENT"),
            (r#""email": "ada@example.com""#, "EMAIL_VERIFIED_UNKNOWN"),
            (r#""email_verified": false"#, "EMAIL_UNVERIFIED_CURRENT"),
            (r#""email": "new@example.com", "email_verified": true"#, "NO_CANDIDATE"),
        ] {
            let place = Place::empty();
            place.write("users.ndjson", USERS.replace("auth0|1", id).as_bytes());
            place.good(&["users", "import", "users.ndjson"]);
            let event = format!(
                r#"{{"user": {{"user_id": "{id}", {said}}}, "connection": {{"name": "{connection}", "strategy": "{strategy}"}}}}"#
            );
            place.write("event.json", event.as_bytes());
            let report = place.log_in(&[]);
            assert_eq!(report["decision"]["kind"], "proceed", "{event}: {report}");
            assert_eq!(report["reasons"][0]["code"], code, "{event}");
        }
    }
}
