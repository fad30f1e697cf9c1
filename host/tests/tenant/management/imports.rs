//! Many users at once, into a database.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use serde_json::{Value, json};

use super::{Machine, tenant};
use crate::http::{Request, Response};
use crate::tenants::{DATABASE, PASSWORD, REALM_GRANT, Tenant, by_id, database_user, text, user};

crate::tests![
    users_are_imported_with_their_passwords,
    a_hash_that_cannot_be_checked_is_told,
    an_address_that_is_there_is_not_taken_over,
    an_upsert_changes_a_profile_and_no_login,
    an_upsert_does_not_touch_what_protects_an_account,
    an_upsert_needs_leave_to_change_users,
    an_upsert_that_blocks_ends_the_logins,
    a_file_of_empty_users_is_refused,
    identities_of_others_are_refused,
    what_the_format_does_not_have_is_refused,
    a_file_has_an_end,
];

const ID: &str = "con_AAAAAAAAAAAAAAAA";

fn with_ada() -> Tenant {
    tenant(&database_user("ada", "ada@example.com"))
}

fn form(users: &[u8], fields: &[(&str, &str)]) -> Request {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--part\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    let head = "--part\r\ncontent-disposition: form-data; name=\"users\"; filename=\"users.json\"\r\ncontent-type: application/json\r\n\r\n";
    body.extend(head.bytes());
    body.extend(users);
    body.extend(b"\r\n--part--\r\n");
    Request::post("/api/v2/jobs/users-imports").body("multipart/form-data; boundary=part", body)
}

fn begun(machine: &Machine<'_>, users: &Value, fields: &[(&str, &str)]) -> Response {
    machine.send(form(users.to_string().as_bytes(), &[&[("connection_id", ID)], fields].concat()))
}

/// The job once it is done.
fn ended(machine: &Machine<'_>, path: &str) -> Value {
    for _ in 0..1_200 {
        let job = machine.get(path);
        if job["status"] != "pending" {
            assert_eq!(job["status"], "completed");
            return job;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{path} does not end");
}

/// The job that came of it, and what was wrong.
fn imported(machine: &Machine<'_>, users: &Value, fields: &[(&str, &str)]) -> (Value, Value) {
    let begun = begun(machine, users, fields);
    assert_eq!(begun.status, 202, "{}", begun.text());
    let begun = begun.json();
    assert_eq!((&begun["type"], &begun["status"]), (&json!("users_import"), &json!("pending")));
    let path = format!("jobs/{}", text(&begun["id"]));
    let job = ended(machine, &path);
    let errors = machine.send(Request::get(format!("/api/v2/{path}/errors")));
    let errors = if errors.status == 204 { json!([]) } else { errors.json() };
    (job, errors)
}

/// The fault of the only user.
fn fault(machine: &Machine<'_>, user: Value, upsert: bool) -> (String, String) {
    let fields: &[(&str, &str)] = if upsert { &[("upsert", "true")] } else { &[] };
    let (job, errors) = imported(machine, &json!([user]), fields);
    assert_eq!(job["summary"], json!({ "total": 1, "inserted": 0, "updated": 0, "failed": 1 }), "{errors}");
    let error = &errors[0]["errors"][0];
    (text(&error["code"]), text(&error["message"]))
}

fn login(tenant: &Tenant, name: &str, password: &str) -> u16 {
    let fields =
        [("grant_type", REALM_GRANT), ("realm", DATABASE), ("username", name), ("password", password)];
    tenant.token("web", &fields).status
}

fn hash(algorithm: Algorithm, password: &str) -> String {
    let argon2 = Argon2::new(algorithm, Version::V0x13, Params::new(64, 1, 1, None).expect("it is there"));
    argon2.hash_password(password.as_bytes()).expect("it is there").to_string()
}

fn users_are_imported_with_their_passwords() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let hashed =
        |password| json!({ "algorithm": "argon2", "hash": { "value": hash(Algorithm::Argon2id, password) } });
    let users = json!([
        { "email": "Eve@Example.com", "user_id": "eve", "email_verified": true, "name": "Eve", "custom_password_hash": hashed("the first password"),
          "app_metadata": { "plan": "gold" }, "user_metadata": { "theme": "dark" } },
        { "email": "bob@example.com", "username": "bob", "custom_password_hash": { "algorithm": "argon2", "hash": { "value": hash(Algorithm::Argon2i, "the second password"), "encoding": "utf8" } } },
        { "email": "new@example.com", "user_id": 7, "blocked": true, "mfa_factors": [{ "totp": { "secret": "S3CRET" } }] },
    ]);
    let (job, errors) =
        imported(&machine, &users, &[("external_id", "batch 1"), ("send_completion_email", "false")]);
    assert_eq!(job["summary"], json!({ "total": 3, "inserted": 3, "updated": 0, "failed": 0 }), "{errors}");
    assert_eq!(
        (&job["external_id"], &job["connection_id"], &job["upsert"]),
        (&json!("batch 1"), &json!(ID), &json!(false))
    );
    assert_eq!(errors, json!([]));
    let eve = machine.get("users/auth0%7Ceve");
    assert_eq!((&eve["email"], &eve["email_verified"]), (&json!("eve@example.com"), &json!(true)));
    assert_eq!(
        (&eve["app_metadata"]["plan"], &eve["user_metadata"]["theme"]),
        (&json!("gold"), &json!("dark"))
    );
    assert!(!eve.to_string().contains("argon2"), "{eve}");
    assert_eq!(login(&tenant, "eve@example.com", "the first password"), 200);
    assert_eq!(
        (login(&tenant, "bob", "the second password"), login(&tenant, "bob", "another password")),
        (200, 403)
    );
    // A bcrypt hash, twice: the first login hashes it again.
    let bcrypt = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
    let (job, errors) =
        imported(&machine, &json!([{ "email": "carl@example.com", "password_hash": bcrypt }]), &[]);
    assert_eq!(job["summary"]["inserted"], 1, "{errors}");
    for (password, status) in
        [("another password", 403), ("correct horse battery", 200), ("correct horse battery", 200)]
    {
        assert_eq!(login(&tenant, "carl@example.com", password), status);
    }
    let blocked = machine.get("users/auth0%7C7");
    assert_eq!((&blocked["blocked"], &blocked["email_verified"]), (&json!(true), &json!(false)));
    assert_eq!(blocked["multifactor"], json!(["totp"]));
    assert!(!blocked.to_string().contains("S3CRET"), "{blocked}");
    // An address without a password is taken, too.
    let sign_up = json!({ "client_id": "web", "connection": DATABASE, "email": "new@example.com", "password": PASSWORD });
    assert_eq!(tenant.send(&Request::post("/dbconnections/signup").json(&sign_up)).status, 400);
}

fn a_hash_that_cannot_be_checked_is_told() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let bcrypt = "$2b$13$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";
    let user = json!({ "email": "eve@example.com", "password_hash": bcrypt });
    let words = "the hash is too expensive: bcrypt up to a cost of 12 can be checked here, and this is 13";
    assert_eq!(fault(&machine, user.clone(), false), ("PASSWORD_HASH".to_owned(), words.to_owned()));
    let (_, errors) = imported(&machine, &json!([user]), &[]);
    assert!(!errors.to_string().contains(bcrypt), "{errors}");
    assert_eq!(errors[0]["user"], json!({ "email": "eve@example.com", "password_hash": "*****" }));
    for custom in [
        json!({ "algorithm": "md5", "hash": { "value": "x" } }),
        json!({ "algorithm": "argon2", "hash": { "value": "x" } }),
        json!({ "algorithm": "argon2", "hash": { "value": hash(Algorithm::Argon2id, PASSWORD).replace("m=64", "m=4194304") } }),
        json!("x"),
    ] {
        let user = json!({ "email": "eve@example.com", "custom_password_hash": custom });
        assert_eq!(fault(&machine, user, false).0, "PASSWORD_HASH", "{custom}");
    }
    assert_eq!(machine.get("users-by-email?email=eve%40example.com"), json!([]));
}

fn an_address_that_is_there_is_not_taken_over() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let theirs =
        json!({ "algorithm": "argon2", "hash": { "value": hash(Algorithm::Argon2id, "of somebody else") } });
    for user in [
        json!({ "email": "ada@example.com", "custom_password_hash": theirs }),
        json!({ "email": "ADA@example.com", "user_id": "other", "custom_password_hash": theirs }),
        json!({ "email": "new@example.com", "user_id": "ada", "custom_password_hash": theirs }),
    ] {
        for upsert in [false, true] {
            fault(&machine, user.clone(), upsert);
        }
    }
    let words = ("USER_ALREADY_EXISTS".to_owned(), "The user already exists.".to_owned());
    assert_eq!(fault(&machine, json!({ "email": "ada@example.com" }), false), words);
    assert_eq!(
        (login(&tenant, "ada@example.com", PASSWORD), login(&tenant, "ada@example.com", "of somebody else")),
        (200, 403)
    );
    assert_eq!(machine.get("users").as_array().expect("a list").len(), 1);
}

fn an_upsert_changes_a_profile_and_no_login() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let users = json!([
        { "email": "ada@example.com", "name": "Ada, Countess", "user_metadata": { "theme": "dark" }, "app_metadata": { "plan": "gold" } },
        { "email": "eve@example.com" },
        { "email": "eve@example.com", "given_name": "Eve" },
    ]);
    let (job, errors) = imported(&machine, &users, &[("upsert", "true")]);
    assert_eq!(job["summary"], json!({ "total": 3, "inserted": 1, "updated": 2, "failed": 0 }), "{errors}");
    let ada = machine.get("users/auth0%7Cada");
    assert_eq!((&ada["name"], &ada["app_metadata"]["plan"]), (&json!("Ada, Countess"), &json!("gold")));
    assert_eq!(login(&tenant, "ada@example.com", PASSWORD), 200);
    let moved = json!({ "user_id": "ada", "email": "elsewhere@example.com" });
    let words = "An import does not change email of an existing user.".to_owned();
    assert_eq!(fault(&machine, moved, true), ("NOT_CHANGED".to_owned(), words));
    let named = json!({ "user_id": "ada", "email": "ada@example.com", "username": "countess" });
    assert_eq!(fault(&machine, named, true).0, "NOT_CHANGED");
    let two = json!({ "user_id": "ada", "email": "eve@example.com" });
    assert_eq!(fault(&machine, two, true).0, "DIFFERENT_USERS");
}

fn an_upsert_does_not_touch_what_protects_an_account() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let marks = json!({ "blocked": true, "email_verified": false, "app_metadata": { "no_link": true, "linking": { "separated": [] } } });
    assert_eq!(machine.ask("PATCH", "users/auth0%7Cada", &marks).status, 200);
    for app_metadata in
        [json!({ "no_link": false }), json!({ "linking": null }), json!({ "privileged": true })]
    {
        let user = json!({ "email": "ada@example.com", "app_metadata": app_metadata });
        assert_eq!(fault(&machine, user, true).0, "NOT_CHANGED", "{app_metadata}");
    }
    let user =
        json!([{ "email": "ada@example.com", "blocked": false, "email_verified": true, "app_metadata": {} }]);
    assert_eq!(imported(&machine, &user, &[("upsert", "true")]).0["summary"]["updated"], 1);
    let ada = machine.get("users/auth0%7Cada");
    assert_eq!((&ada["blocked"], &ada["email_verified"]), (&json!(true), &json!(false)));
    assert_eq!(ada["app_metadata"], marks["app_metadata"]);
}

fn an_upsert_needs_leave_to_change_users() {
    let maker = "\n[[clients]]\nclient_id = \"maker\"\nclient_secret = \"the secret of the machine\"\n\
                 grant_types = [\"client_credentials\"]\nscopes = [\"create:users\"]\n";
    let tenant = tenant(maker);
    let audience = tenant.audience();
    let fields = [
        ("grant_type", "client_credentials"),
        ("audience", audience.as_str()),
        ("client_id", "maker"),
        ("client_secret", "the secret of the machine"),
    ];
    let token = text(&tenant.send(&Request::post("/oauth/token").form(&fields)).json()["access_token"]);
    let maker = Machine { tenant: &tenant, token };
    let users = json!([{ "email": "eve@example.com" }]);
    assert_eq!(begun(&maker, &users, &[]).status, 202);
    let refused = begun(&maker, &users, &[("upsert", "true")]);
    assert_eq!((refused.status, &refused.json()["errorCode"]), (403, &json!("insufficient_scope")));
}

fn identities_of_others_are_refused() {
    let staff = user("auth0|staff", "staff@example.com", "Staff");
    let tenant = tenant(
        &(database_user("ada", "ada@example.com") + &database_user("eve", "eve@example.com") + &staff),
    );
    let machine = Machine::of(&tenant);
    assert_eq!(machine.ask("POST", "users/auth0%7Cada/identities", &by_id("auth0", "eve")).status, 201);
    for user in [
        // An id of another database.
        json!({ "user_id": "staff", "email": "new@example.com" }),
        // A linked one.
        json!({ "user_id": "eve", "email": "eve@example.com", "name": "Mallory" }),
        json!({ "email": "eve@example.com", "name": "Mallory" }),
    ] {
        for upsert in [false, true] {
            fault(&machine, user.clone(), upsert);
        }
    }
    // Two databases may have one address.
    let (job, errors) = imported(&machine, &json!([{ "email": "staff@example.com" }]), &[]);
    assert_eq!(job["summary"]["inserted"], 1, "{errors}");
    assert_eq!(machine.get("users/auth0%7Cstaff")["identities"][0]["connection"], "Staff");
}

fn what_the_format_does_not_have_is_refused() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let google = json!([{ "provider": "google-oauth2", "user_id": "1", "connection": "google-oauth2" }]);
    for (key, value) in [
        ("identities", google),
        ("password", json!(PASSWORD)),
        ("roles", json!(["admin"])),
        ("logins_count", json!(7)),
        ("connection", json!("Staff")),
    ] {
        let user = json!({ "email": "eve@example.com", key: value });
        let words = format!("Additional properties not allowed: {key}");
        assert_eq!(fault(&machine, user, false), ("OBJECT_ADDITIONAL_PROPERTIES".to_owned(), words));
    }
    for user in [
        json!({ "email": "no address" }),
        json!({ "email": 7 }),
        json!({ "name": "x" }),
        json!({ "email": "eve@example.com", "user_id": "a|b" }),
        json!({ "email": "eve@example.com", "user_id": [] }),
        json!({ "email": "eve@example.com", "name": "a\u{0}b" }),
        json!({ "email": "eve@example.com", "app_metadata": { "identities": [] } }),
        json!({ "email": "eve@example.com", "app_metadata": { "a": "x".repeat(33 << 10) } }),
        json!({ "email": "eve@example.com", "mfa_factors": [{ "webauthn": {} }] }),
    ] {
        fault(&machine, user, false);
    }
    assert_eq!(machine.get("users").as_array().expect("a list").len(), 1);
}

fn a_file_has_an_end() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let large = json!([{ "email": "eve@example.com", "user_metadata": { "a": "x".repeat(500 << 10) } }]);
    let refused = begun(&machine, &large, &[]);
    let words = "Payload content length greater than maximum allowed: 512000";
    assert_eq!((refused.status, &refused.json()["message"]), (413, &json!(words)));
    let huge = json!([{ "email": "eve@example.com", "user_metadata": { "a": "x".repeat(2 << 20) } }]);
    assert_eq!(begun(&machine, &huge, &[]).status, 413);

    let send = |users: &str, fields: &[(&str, &str)]| machine.send(form(users.as_bytes(), fields)).status;
    assert_eq!(send("{}", &[("connection_id", ID)]), 400);
    assert_eq!(send("[7]", &[("connection_id", ID)]), 400);
    assert_eq!(
        send("[{\"email\": \"a@example.com\", \"email\": \"b@example.com\"}]", &[("connection_id", ID)]),
        400
    );
    assert_eq!(send("[", &[("connection_id", ID)]), 400);
    assert_eq!(send("[]", &[]), 400);
    assert_eq!(send("[]", &[("connection_id", "con_x")]), 404);
    assert_eq!(send("[]", &[("connection_id", "con_CCCCCCCCCCCCCCCC")]), 400);
    assert_eq!(send("[]", &[("connection_id", ID), ("connection_id", ID)]), 400);
    assert_eq!(send("[]", &[("connection_id", ID), ("upsert", "maybe")]), 400);
    assert_eq!(send("[]", &[("connection_id", ID), ("other", "x")]), 400);
    assert_eq!(send("[]", &[("connection_id", ID)]), 202);
    assert_eq!(machine.ask("POST", "jobs/users-imports", &json!([])).status, 415);
    assert_eq!(machine.get("users").as_array().expect("a list").len(), 1);
}

fn an_upsert_that_blocks_ends_the_logins() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let before = tenant.password_tokens("web", "ada@example.com", "openid offline_access");
    let block = json!([{ "email": "ada@example.com", "blocked": true }]);
    let (job, errors) = imported(&machine, &block, &[("upsert", "true")]);
    assert_eq!((&job["summary"]["updated"], errors), (&json!(1), json!([])));
    let unblock = machine.ask("PATCH", "users/auth0%7Cada", &json!({ "blocked": false }));
    assert_eq!(unblock.status, 200, "{}", unblock.text());
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &text(&before["refresh_token"]))];
    assert_eq!(tenant.token("web", &fields).json()["error"], "invalid_grant");
    let profile = Request::get("/userinfo").bearer(&text(&before["access_token"]));
    assert_eq!(tenant.send(&profile).status, 401);
}

fn a_file_of_empty_users_is_refused() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let refused = begun(&machine, &Value::Array(vec![json!({}); 100_000]), &[]);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("at most 5000 users"), "{}", refused.text());
}
