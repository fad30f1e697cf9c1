//! The connections of imported users: given, named by an id, or assumed until a login.

use serde_json::Value;

use crate::importing::{import, imported, user};
use crate::place::{Place, Ran};

#[test]
fn a_connection_of_a_record_is_taken_or_refused() {
    let place = Place::empty();
    let users = br#"[{"email": "a@acme.example", "connection": "A"}, {"email": "b@acme.example", "connection": "B"}]"#;
    assert_eq!(imported(&place, "two.json", users, &[]), "2 users added\n");
    let users = place.users();
    assert!(users.contains(r#""connection":"A""#) && users.contains(r#""connection":"B""#), "{users}");
    let place = Place::empty();
    let two = br#"[{"email": "a@acme.example", "connection": "A"},
 {"email": "b@acme.example", "connection": "B"}]"#;
    let ran = import(&place, "two.json", two, &["--connection", "A"]);
    assert!(
        ran.stdout.contains("user 2, line 2: `connection`: it is `B`, and the import is into `A`"),
        "{}",
        ran.stdout
    );
}

fn log_in(place: &Place, id: &str, connection: (&str, &str)) -> Ran {
    let (name, strategy) = connection;
    let event = format!(
        r#"{{"user": {{"user_id": "{id}", "email": "jane@acme.example", "email_verified": true}}, "connection": {{"name": "{name}", "strategy": "{strategy}"}}}}"#
    );
    place.write("event.json", event.as_bytes());
    place.run(&["run", "--event", "event.json"])
}

#[test]
fn an_assumed_connection_is_the_first_logins() {
    let place = Place::empty();
    let users = "{\"user_id\":\"waad|Xk3\",\"email\":\"jane@acme.example\"}\n{\"user_id\":\"auth0|mydb|7\"}\n{\"user_id\":\"google-oauth2|2\"}\n";
    imported(&place, "users.ndjson", users.as_bytes(), &[]);
    for (id, connection, strategy) in [
        ("waad|Xk3", "acme-ad", "waad"),
        ("auth0|mydb|7", "mydb", "auth0"),
        ("google-oauth2|2", "google-oauth2", "google-oauth2"),
    ] {
        assert_eq!(user(&place, id)["identities"][0]["connection_assumed"], true);
        // One of another kind settles nothing, nor one that does not say its kind.
        for (name, other) in [("evil", "oauth2"), ("evil", "")] {
            let ran = log_in(&place, id, (name, other));
            assert_eq!(ran.code, Some(1), "{}", ran.stderr);
            assert!(ran.stderr.contains("not to `evil`"), "{}", ran.stderr);
        }
        assert_eq!(user(&place, id)["identities"][0]["connection_assumed"], true);
        assert_eq!(log_in(&place, id, (connection, strategy)).code, Some(0));
        let identity = user(&place, id)["identities"][0].clone();
        assert_eq!(
            (&identity["connection"], &identity["connection_assumed"]),
            (&connection.into(), &Value::Null)
        );
        // It is settled once.
        let ran = log_in(&place, id, ("second", strategy));
        assert_eq!(ran.code, Some(1), "{}", ran.stdout);
        assert!(
            ran.stderr.contains(&format!("belongs to the connection `{connection}`, not to `second`")),
            "{}",
            ran.stderr
        );
    }
    // An import takes nothing back.
    let ran = import(
        &place,
        "users.ndjson",
        users.as_bytes(),
        &["--again", "--replace", "--connection", "acme-ad"],
    );
    assert!(
        ran.stdout
            .contains("line 2: auth0|mydb|7 belongs to the connection `mydb`, and the line says `acme-ad`"),
        "{}",
        ran.stdout
    );
    assert_eq!(user(&place, "auth0|mydb|7")["identities"][0]["connection"], "mydb");
}

#[test]
fn an_assumed_connection_is_the_one_that_an_import_says() {
    let place = Place::empty();
    let users = "{\"user_id\":\"waad|Xk3\",\"email\":\"jane@acme.example\"}\n";
    imported(&place, "users.ndjson", users.as_bytes(), &[]);
    let told = imported(&place, "users.ndjson", users.as_bytes(), &["--replace", "--connection", "acme-ad"]);
    assert_eq!(told, "0 users added\n1 replaced\n");
    assert_eq!(log_in(&place, "waad|Xk3", ("acme-ad", "waad")).code, Some(0));
    assert_eq!(log_in(&place, "waad|Xk3", ("other", "waad")).code, Some(1));
}

/// A connection that an id names belongs to no other provider.
#[test]
fn an_id_that_names_its_connection_is_settled_by_no_other() {
    let place = Place::empty();
    imported(&place, "users.ndjson", b"{\"user_id\":\"samlp|acme|ada\"}\n", &[]);
    assert_eq!(log_in(&place, "samlp|acme|ada", ("evil", "samlp")).code, Some(1));
    assert_eq!(log_in(&place, "samlp|acme|ada", ("acme", "samlp")).code, Some(0));
}

/// An event cannot bring the mark along.
#[test]
fn a_login_assumes_nothing() {
    let place = Place::empty();
    let event = r#"{"user": {"user_id": "waad|1", "identities": [{"provider": "waad", "user_id": "1", "connection": "acme-ad", "connection_assumed": true}]}, "connection": {"name": "acme-ad", "strategy": "waad"}}"#;
    place.write("event.json", event.as_bytes());
    place.good(&["run", "--event", "event.json"]);
    assert!(!place.users().contains("connection_assumed"));
}
