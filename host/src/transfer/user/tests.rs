use super::{ReadUser, Reader, UserFault, UserFormat, detect_format};
use crate::model::User;
use crate::transfer::import_format::to_import_format;

fn read_as(format: UserFormat, connection: Option<&str>, json: &str) -> Result<ReadUser, UserFault> {
    Reader { format, connection }.read_user(json, |_| {})
}

fn user(format: UserFormat, connection: Option<&str>, json: &str) -> User {
    read_as(format, connection, json).unwrap_or_else(|fault| panic!("{json}: {fault:?}")).user.user
}

fn why(format: UserFormat, connection: Option<&str>, json: &str) -> String {
    read_as(format, connection, json).err().unwrap_or_else(|| panic!("{json}: it is read")).why
}

#[test]
fn the_format_is_told_from_the_user() {
    for (json, format) in [
        (r#"{"user_id": "samlp|acme|Ada@acme.com"}"#, UserFormat::Export),
        (r#"{"user_id": "1", "identities": [{}]}"#, UserFormat::Export),
        (r#"{"email": "a@b.example", "last_login": null}"#, UserFormat::Export),
        (r#"{"user_id": "1", "email": "a@b.example"}"#, UserFormat::Import),
        (
            r#"{"email": "a@b.example", "identities": [], "created_at": "2024-01-01T00:00:00Z"}"#,
            UserFormat::Import,
        ),
        ("{}", UserFormat::Import),
    ] {
        assert_eq!(detect_format(json), Some(format), "{json}");
    }
    assert_eq!((detect_format("7"), detect_format("{"), detect_format("[]")), (None, None, None));
}

#[test]
fn an_exported_user_stays_of_its_provider_wherever_it_stands() {
    let json = r#"{"user_id": "samlp|acme|Ada@Acme.com", "email": "Ada@Acme.com"}"#;
    for format in [UserFormat::Export, UserFormat::Import] {
        let user = user(format, None, json);
        assert_eq!(
            (user.user_id.as_str(), user.email.as_deref()),
            ("samlp|acme|Ada@Acme.com", Some("Ada@Acme.com"))
        );
        let own = &user.identities[0];
        assert_eq!((own.provider.as_str(), own.connection.as_str()), ("samlp", "acme"));
        assert!(own.connection_assumed);
    }
}

#[test]
fn an_exported_user_without_its_identities_gets_an_assumed_connection() {
    for (id, connection) in [
        ("auth0|1", "Username-Password-Authentication"),
        ("auth0|mydb|7", "Username-Password-Authentication"),
        ("google-oauth2|2", "google-oauth2"),
        ("waad|x", "waad"),
    ] {
        let json = format!(r#"{{"user_id": "{id}", "identities": null}}"#);
        let own = user(UserFormat::Export, None, &json).identities.remove(0);
        assert_eq!((own.connection.as_str(), own.connection_assumed), (connection, true), "{id}");
        let own = user(UserFormat::Export, Some("given"), &json).identities.remove(0);
        assert_eq!((own.connection.as_str(), own.connection_assumed), ("given", false), "{id}");
    }
}

#[test]
fn a_connection_that_a_user_names_is_taken_or_refused() {
    for json in
        [r#"{"user_id": "auth0|1", "connection": "db"}"#, r#"{"email": "a@b.example", "connection": "db"}"#]
    {
        for given in [None, Some("db")] {
            let user = user(UserFormat::Import, given, json);
            assert_eq!(user.identities[0].connection, "db");
            assert!(!user.identities[0].connection_assumed && !user.rest.contains_key("connection"));
        }
        assert!(
            why(UserFormat::Import, Some("other"), json)
                .contains("it is `db`, and the import is into `other`")
        );
    }
    let two = r#"{"user_id": "auth0|1", "connection": "a", "identities": [{"provider": "auth0", "user_id": "1", "connection": "b"}]}"#;
    assert!(why(UserFormat::Export, None, two).contains("it is `a`, and that of its identity `b`"));
    assert!(
        why(UserFormat::Import, None, r#"{"email": "a@b.example", "connection": 7}"#)
            .contains("`connection`")
    );
    let named = why(UserFormat::Export, Some("other"), r#"{"user_id": "samlp|acme|1"}"#);
    assert!(named.contains("its id names the connection `acme`"), "{named}");
}

#[test]
fn an_imported_user_belongs_to_a_database() {
    let mut left_out = Vec::new();
    let json = r#"{"email": "Ada@Example.com", "user_id": 7, "password": "hunter2",
                   "password_hash": "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
                   "mfa_factors": [{"totp": {"secret": "S3CRET"}}]}"#;
    let reader = Reader { format: UserFormat::Import, connection: None };
    let read = reader.read_user(json, |field| left_out.push(field)).unwrap().user;
    assert!(read.password.is_some_and(|hash| hash.starts_with("$2b$04$")));
    let user = read.user;
    assert_eq!((user.user_id.as_str(), user.email.as_deref()), ("auth0|7", Some("ada@example.com")));
    assert_eq!(user.identities[0].connection, "Username-Password-Authentication");
    assert_eq!(user.mfa_factors(), ["totp"]);
    let text = serde_json::to_string(&user).unwrap();
    assert!(!text.contains("$2b$") && !text.contains("S3CRET") && !text.contains("hunter2"), "{text}");
    assert_eq!(left_out, ["password", "mfa_factors"]);
    assert_eq!(to_import_format(&user).unwrap()["user_id"], "7");
}

#[test]
fn an_id_that_is_made_up_is_the_same_again() {
    let id = |json: &str| user(UserFormat::Import, None, json).user_id;
    assert_eq!(id(r#"{"email": "ada@example.com"}"#), id(r#"{"email": "ADA@example.com", "name": "Ada"}"#));
    for nothing in ["{}", r#"{"email": "", "username": null}"#] {
        assert!(why(UserFormat::Import, None, nothing).contains("neither"), "{nothing}");
    }
    assert_eq!(
        why(UserFormat::Import, None, r#"{"user_id": "", "email": "a@b.example"}"#),
        "`user_id` is empty"
    );
}

#[test]
fn a_user_of_a_database_does_not_stand_among_exported_ones() {
    assert!(why(UserFormat::Export, None, r#"{"email": "a@b.example"}"#).contains("`user_id` is missing"));
    assert!(why(UserFormat::Export, None, r#"{"user_id": "583231"}"#).contains("expected `provider|id`"));
}

#[test]
fn an_odd_date_costs_the_date_and_not_the_user() {
    for odd in [r#"{"$date": "2023-01-01T00:00:00Z"}"#, "1583182330000", r#""2023-01-25 20:00:58""#, r#""""#]
    {
        let mut left_out = Vec::new();
        let json =
            format!(r#"{{"user_id": "auth0|1", "created_at": {odd}, "last_login": null, "name": "Ada"}}"#);
        let reader = Reader { format: UserFormat::Export, connection: None };
        let user = reader.read_user(&json, |field| left_out.push(field)).unwrap().user.user;
        assert_eq!((user.created_at, &user.rest["name"]), (None, &"Ada".into()), "{odd}");
        assert_eq!(left_out, ["created_at"], "{odd}");
    }
}

#[test]
fn an_error_names_the_field_and_its_place() {
    for (format, json, field, at) in [
        (UserFormat::Export, "{\"user_id\": \"auth0|1\",\n \"email\": [\"a\"]}", "`email`: ", (2, 11)),
        (UserFormat::Import, "{\"email\": \"a@b.example\",\n \"blocked\": \"yes\"}", "`blocked`: ", (2, 17)),
        (UserFormat::Export, "{\"user_id\": \"auth0|1\", \"app_metadata\": []}", "`app_metadata`: ", (1, 41)),
    ] {
        let fault = read_as(format, None, json).unwrap_err();
        assert!(fault.why.starts_with(field), "{fault:?}");
        assert_eq!(fault.at.map(|at| at.0), Some(at.0), "{fault:?}");
    }
}

#[test]
fn a_user_of_another_product_is_known() {
    for (json, product) in [
        (r#"{"localId": "abc", "email": "a@b.example"}"#, "Firebase"),
        (r#"{"Username": "abc", "Attributes": []}"#, "Cognito"),
        (r#"{"_id": {"$oid": "1"}, "email": "a@b.example", "passwordHash": "x"}"#, "Auth0's support"),
    ] {
        let why = why(UserFormat::Import, None, json);
        assert!(why.contains("this looks like") && why.contains(product), "{why}");
    }
}
