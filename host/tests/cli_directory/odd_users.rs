//! Users in files that leave something out, say it in another way, or say too much.

use serde_json::Value;

use super::importing::{GOOGLE, SAML, gzipped, import, imported, user};
use crate::place::Place;

#[test]
fn an_identity_that_names_no_connection_is_assumed() {
    for connection in ["", r#","connection":null"#, r#","connection":"""#] {
        let place = Place::empty();
        let users = format!(
            "{{\"user_id\":\"samlp|acme|ada\",\"identities\":[{{\"provider\":\"samlp\",\"user_id\":\"acme|ada\"{connection}}},{{\"provider\":\"auth0\",\"user_id\":\"7\"{connection}}}]}}\n"
        );
        imported(&place, "users.ndjson", users.as_bytes(), &[]);
        let identities = user(&place, "samlp|acme|ada")["identities"].clone();
        for (n, expected) in ["acme", "Username-Password-Authentication"].into_iter().enumerate() {
            assert_eq!(identities[n]["connection"], expected);
            assert_eq!(identities[n]["connection_assumed"], true);
        }
    }
    let place = Place::empty();
    let users = b"{\"user_id\":\"auth0|1\",\"connection\":\"P\",\"identities\":[{\"provider\":\"auth0\",\"user_id\":\"1\"}]}\n";
    imported(&place, "users.ndjson", users, &[]);
    assert_eq!(user(&place, "auth0|1")["identities"][0]["connection"], "P");
    for name in ["", " DB1", "*"] {
        let error = place.bad(&["users", "import", "users.ndjson", "--connection", name], 2);
        assert!(error.contains("this is not the name of a connection"), "{error}");
    }
}

#[test]
fn names_that_no_connection_has_are_refused() {
    for (line, words) in [
        (r#"{"user_id":"auth0|1","connection":" DB1"}"#, "is not the name of a connection"),
        (r#"{"user_id":"Auth 0|1"}"#, "is not a provider"),
        (r#"{"user_id":"*|1"}"#, "is not a provider"),
        (r#"{"user_id":"auth0|1","connection":"a","identities[0].connection":"b"}"#, "expected one"),
    ] {
        let ran = import(&Place::empty(), "users.ndjson", format!("{line}\n").as_bytes(), &[]);
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        assert!(ran.stdout.contains("line 1: ") && ran.stdout.contains(words), "{}", ran.stdout);
    }
}

#[test]
fn a_line_is_never_the_programs_own_message() {
    let place = Place::empty();
    let lines = format!("{SAML}\n\0all users were imported\n{{\"user_id\":\"{}\"}}\n", "x".repeat(5_000));
    let told = imported(&place, "users.ndjson", lines.as_bytes(), &["--rejects", "bad"]);
    assert!(!told.contains("all users were imported") && told.len() < 1_500, "{told}");
    let rejects = std::fs::read_to_string(place.file("bad")).expect("a file");
    assert!(rejects.contains("\n\0all users were imported\n"), "{rejects:?}");
}

/// An export that was not asked for them must not lift them.
#[test]
fn a_replacing_line_that_does_not_speak_of_marks_keeps_them() {
    let place = Place::empty();
    let marks = r#"{"no_link":true,"privileged":true,"linking":{"excluded":true}}"#;
    let users = format!("{{\"user_id\":\"samlp|acme|1\",\"blocked\":true,\"app_metadata\":{marks}}}\n");
    imported(&place, "users.ndjson", users.as_bytes(), &[]);
    for (n, fields) in ["", r#","blocked":null,"app_metadata":{"plan":"pro"}"#].into_iter().enumerate() {
        let users = format!("{{\"user_id\":\"samlp|acme|1\",\"name\":\"Ada {n}\"{fields}}}\n");
        imported(&place, "users.ndjson", users.as_bytes(), &["--replace"]);
        let user = user(&place, "samlp|acme|1");
        assert_eq!((&user["name"], &user["blocked"]), (&format!("Ada {n}").into(), &true.into()));
        for mark in ["no_link", "privileged"] {
            assert_eq!(user["app_metadata"][mark], true);
        }
        assert_eq!(user["app_metadata"]["linking"]["excluded"], true);
    }
    let users = b"{\"user_id\":\"samlp|acme|1\",\"blocked\":false,\"app_metadata\":{\"no_link\":false}}\n";
    imported(&place, "users.ndjson", users, &["--replace"]);
    let user = user(&place, "samlp|acme|1");
    assert_eq!((&user["blocked"], &user["app_metadata"]["no_link"]), (&Value::Null, &false.into()));
}

#[test]
fn an_address_is_of_one_user_of_a_database() {
    let place = Place::empty();
    let users = concat!(
        r#"{"user_id":"auth0|1","email":"bob@corp.com","username":"Bob","connection":"db"}"#,
        "\n",
        r#"{"user_id":"auth0|2","email":"BOB@corp.com","connection":"db"}"#,
        "\n",
        r#"{"user_id":"auth0|3","username":"bob","connection":"db"}"#,
        "\n",
        r#"{"user_id":"auth0|4","email":"bob@corp.com","connection":"other"}"#,
        "\n",
        r#"{"user_id":"google-oauth2|1","email":"bob@corp.com"}"#,
        "\n",
        r#"{"user_id":"google-oauth2|2","email":"bob@corp.com"}"#,
        "\n",
    );
    let told = imported(&place, "users.ndjson", users.as_bytes(), &[]);
    assert!(told.starts_with("4 users added\n2 left out\n"), "{told}");
    assert!(told.contains("line 2: line 1 already has B\u{2026}@corp.com in the database `db`"), "{told}");
    assert!(told.contains("line 3: line 1 already has bob in the database `db`"), "{told}");
    let line = br#"{"user_id":"auth0|5","email":"bob@corp.com","connection":"db"}"#;
    let ran = import(&place, "later.ndjson", line, &[]);
    assert!(ran.stdout.contains("auth0|1 already has b\u{2026}@corp.com"), "{}", ran.stdout);
}

#[test]
fn users_with_the_field_names_of_another_product_are_refused() {
    for (bytes, words) in [
        (&br#"[{"userId":"1","email":"a@mail.example"}]"#[..], "with the names of another one's fields"),
        (br#"[{"email":"a@mail.example","emailVerified":true}]"#, "`emailVerified`"),
        (br#"[{"id":"1","email":"a@mail.example"}]"#, "`id`"),
        (br#"{"user_id":"auth0|1","users":[{"user_id":"auth0|2"}]}"#, "a user and a list of users in one"),
    ] {
        let place = Place::empty();
        let ran = import(&place, "users.json", bytes, &[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let place = Place::empty();
    imported(&place, "users.json", br#"{"user_id":"auth0|1","realm":"r"}"#, &[]);
}

#[test]
fn a_digest_of_another_length_is_refused() {
    let line = br#"[{"email":"a@mail.example","custom_password_hash":{"algorithm":"sha256","hash":{"value":"abcd","encoding":"hex"}}}]"#;
    let ran = import(&Place::empty(), "users.json", line, &[]);
    assert!(ran.stdout.contains("a hash of sha256 has 32 bytes, and this one has 2"), "{}", ran.stdout);
}

#[test]
fn pages_of_a_listing_are_all_read_and_a_missing_one_is_told() {
    let page = |user: &str| format!(r#"{{"total":500,"start":0,"limit":1,"length":1,"users":[{user}]}}"#);
    let told = imported(&Place::empty(), "page.json", page(SAML).as_bytes(), &[]);
    assert!(
        told.contains("the file is a page of a listing: it says that there are 500 users, and holds 1"),
        "{told}"
    );
    let mixed = format!("{}\n{GOOGLE}\n", page(SAML));
    let ran = import(&Place::empty(), "mixed.json", mixed.as_bytes(), &[]);
    assert!(ran.code == Some(2) && ran.stderr.contains("`users` is missing"), "{}", ran.stderr);
    for text in [
        format!("{}{}", page(SAML), page(GOOGLE)),
        format!("{}\n{}\n", page(SAML), page(GOOGLE)),
        format!("[{SAML}]\n[{GOOGLE}]\n"),
    ] {
        let told = imported(&Place::empty(), "pages.json", text.as_bytes(), &[]);
        assert!(told.starts_with("2 users added\n"), "{told}");
    }
}

#[test]
fn a_user_that_is_too_long_is_not_read_whole() {
    let long = format!(r#"{{"user_id":"auth0|9","name":"{}"}}"#, "x".repeat(40 << 20));
    for text in [format!("{long}\n{SAML}\n"), format!("{SAML}\n{long}\n")] {
        let told = imported(&Place::empty(), "users.ndjson.gz", &gzipped(&text), &[]);
        assert!(
            told.starts_with("1 users added\n1 left out\n") && told.contains("longer than 16 MiB"),
            "{told}"
        );
    }
    for text in [format!("[{SAML},\n{long}]"), format!("{{\"users\":[{SAML},\n{long}]}}")] {
        let ran = import(&Place::empty(), "users.json.gz", &gzipped(&text), &[]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("line 2, column 1, after user 1: a user is longer than 16 MiB"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_on_is_to_be_mended() {
    let bytes = gzipped(&format!("{SAML}\n{GOOGLE}\n"));
    let ran = import(&Place::empty(), "users.gz", &bytes[..bytes.len() - 6], &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("its compressed data breaks off in the middle")
            && ran.stderr.contains("correct the file, and import it again"),
        "{}",
        ran.stderr
    );
    let ran = import(&Place::empty(), "users", format!("{SAML}\nnonsense\n").as_bytes(), &["--strict"]);
    assert!(ran.stderr.contains("correct the file, and import it again"), "{}", ran.stderr);
}

#[test]
fn a_comment_may_stand_before_the_first_user() {
    for text in
        [format!("# mine\n\n# {}\n{SAML}\nnonsense\n", "x".repeat(5_000)), format!("# mine\n[\n{SAML},\n7]")]
    {
        let told = imported(&Place::empty(), "users", text.as_bytes(), &[]);
        assert!(told.starts_with("1 users added\n1 left out\n"), "{told}");
        assert!(
            told.contains("line 5: ") || told.contains("line 4: ") || told.contains("line 5, "),
            "{told}"
        );
    }
}

#[test]
fn an_odd_count_of_logins_costs_the_count_at_most() {
    for (count, expected) in
        [("100.0", 100.into()), (r#""3""#, 3.into()), (r#""many""#, Value::Null), ("-1", Value::Null)]
    {
        let place = Place::empty();
        let users = format!("{{\"user_id\":\"auth0|1\",\"logins_count\":{count}}}\n");
        let told = imported(&place, "users", users.as_bytes(), &[]);
        assert_eq!(user(&place, "auth0|1")["logins_count"], expected);
        assert_eq!(told.contains("`logins_count` of 1 users was left out"), expected.is_null(), "{told}");
    }
}

#[test]
fn a_phone_number_is_not_told_whole() {
    let users = br#"[{"phone_number":"+491511234567"},{"phone_number":"+491511234567","name":"Ada"}]"#;
    let told = imported(&Place::empty(), "users.json", users, &[]);
    assert!(told.contains("+49\u{2026}67 is already in user 1, line 1"), "{told}");
}
