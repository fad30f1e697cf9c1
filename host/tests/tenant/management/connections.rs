//! Connections that are made, changed and removed while the tenant runs.

use serde_json::{Value, json};

use super::{Machine, needs_a_scope, tenant};
use crate::http::Request;
use crate::tenants::{DATABASE, PASSWORD, REALM_GRANT, database_user, open, text};

crate::tests![
    a_connection_is_made_used_changed_and_removed,
    a_stand_in_is_offered_at_once,
    a_connection_whose_users_are_linked_stays,
    a_configured_connection_is_changed_in_its_file,
    connections_that_are_none_are_not_made,
    connections_need_their_scopes,
];

fn create_connection(machine: &Machine<'_>, body: &Value) -> Value {
    let response = machine.ask("POST", "connections", body);
    assert_eq!(response.status, 201, "{}", response.text());
    response.json()
}

fn a_connection_is_made_used_changed_and_removed() {
    let tenant = tenant("");
    let machine = Machine::of(&tenant);
    let body = json!({ "name": "Customers", "strategy": "auth0", "display_name": "Our customers",
                       "options": { "disable_signup": true, "client_secret": "hunter2" }, "enabled_clients": ["web"] });
    let connection = create_connection(&machine, &body);
    let path = format!("connections/{}", text(&connection["id"]));
    assert_eq!(machine.get(&path), connection);
    assert_eq!(
        (&connection["display_name"], &connection["options"]["disable_signup"]),
        (&json!("Our customers"), &json!(true))
    );
    assert!(!connection.to_string().contains("hunter2"), "{connection}");
    assert_eq!(machine.get("connections?strategy=auth0").as_array().expect("a list").len(), 3);
    assert_eq!(machine.get(&format!("{path}/clients"))["clients"].as_array().expect("a list").len(), 4);

    let enabled = |client: &str, status: bool| {
        let body = json!([{ "client_id": client, "status": status }]);
        machine.ask("PATCH", &format!("{path}/clients"), &body).status
    };
    assert_eq!((enabled("web", true), enabled("web", false), enabled("nobody", true)), (204, 400, 404));

    // Its users log in, and nobody signs up.
    let user = json!({ "connection": "Customers", "email": "eve@example.com", "password": PASSWORD });
    assert_eq!(machine.ask("POST", "users", &user).status, 201);
    let login = || {
        let fields = [
            ("grant_type", REALM_GRANT),
            ("realm", "Customers"),
            ("username", "eve@example.com"),
            ("password", PASSWORD),
        ];
        tenant.token("web", &fields).status
    };
    assert_eq!(login(), 200);
    let sign_up = json!({ "client_id": "web", "connection": "Customers", "email": "new@example.com", "password": PASSWORD });
    let sign_up = || tenant.send(&Request::post("/dbconnections/signup").json(&sign_up)).status;
    assert_eq!(sign_up(), 400);
    let changed = machine.ask("PATCH", &path, &json!({ "options": { "disable_signup": false } })).json();
    assert_eq!((&changed["id"], &changed["display_name"]), (&connection["id"], &connection["display_name"]));
    assert_eq!(sign_up(), 200);

    // With it go its users.
    assert_eq!(machine.ask("DELETE", &path, &json!({})).status, 204);
    assert_eq!(machine.refusal("GET", &path, &json!({})).0, 404);
    assert_eq!(machine.get("users-by-email?email=eve%40example.com"), json!([]));
    assert_eq!(login(), 400);
    // One that is called the same is another.
    let again = create_connection(&machine, &json!({ "name": "Customers", "strategy": "auth0" }));
    assert_ne!(again["id"], connection["id"]);
    assert_eq!(login(), 403);
}

fn a_stand_in_is_offered_at_once() {
    let tenant = tenant("");
    let machine = Machine::of(&tenant);
    let acme = create_connection(&machine, &json!({ "name": "acme", "strategy": "samlp" }));
    assert!(acme.get("display_name").is_none(), "{acme}");
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let mut offers = |words: &str| browser.get(&format!("/u/login?state={state}")).text().contains(words);
    assert!(offers("Continue with acme<"));
    // By the name that people know, once it has one.
    let path = format!("connections/{}", text(&acme["id"]));
    let changed = machine.ask("PATCH", &path, &json!({ "display_name": "Acme <Inc.>" })).json();
    assert_eq!(changed["display_name"], "Acme <Inc.>");
    assert!(offers("Continue with Acme &#60;Inc.&#62;<") && !offers("with acme"));
}

fn a_connection_whose_users_are_linked_stays() {
    let tenant = tenant(&database_user("ada", "ada@example.com"));
    let machine = Machine::of(&tenant);
    let connection = create_connection(&machine, &json!({ "name": "Customers", "strategy": "auth0" }));
    let user = json!({ "connection": "Customers", "email": "eve@example.com", "password": PASSWORD, "user_id": "eve" });
    assert_eq!(machine.ask("POST", "users", &user).status, 201);
    let link = crate::tenants::by_id("auth0", "eve");
    assert_eq!(machine.ask("POST", "users/auth0%7Cada/identities", &link).status, 201);
    let path = format!("connections/{}", text(&connection["id"]));
    let words = "Users of this connection are linked with identities of others; unlink them first.";
    assert_eq!(machine.refusal("DELETE", &path, &json!({})), (409, words.to_owned()));
    assert_eq!(machine.get(&path)["name"], "Customers");
}

fn a_configured_connection_is_changed_in_its_file() {
    let tenant = tenant(&database_user("ada", "ada@example.com"));
    let machine = Machine::of(&tenant);
    let path = "connections/con_AAAAAAAAAAAAAAAA";
    let words = "The connection is from tenant.toml and can only be changed there.".to_owned();
    assert_eq!(machine.refusal("PATCH", path, &json!({ "display_name": "x" })), (400, words.clone()));
    assert_eq!(machine.refusal("DELETE", path, &json!({})), (400, words));
    assert_eq!(tenant.user("auth0|ada").status, 200);
}

fn connections_that_are_none_are_not_made() {
    let tenant = tenant("");
    let machine = Machine::of(&tenant);
    let status = |body: Value| machine.refusal("POST", "connections", &body).0;
    assert_eq!(status(json!({ "name": DATABASE, "strategy": "auth0" })), 409);
    assert_eq!(status(json!({ "name": "a b", "strategy": "auth0" })), 400);
    assert_eq!(status(json!({ "name": "-a", "strategy": "auth0" })), 400);
    assert_eq!(status(json!({ "name": "a".repeat(129), "strategy": "auth0" })), 400);
    assert_eq!(status(json!({ "name": "a", "strategy": "gogle" })), 400);
    assert_eq!(status(json!({ "name": "a" })), 400);
    assert_eq!(status(json!({ "name": "a", "strategy": "auth0", "id": "con_1" })), 400);
    assert_eq!(
        status(json!({ "name": "a", "strategy": "auth0", "options": { "a": "x".repeat(17 << 10) } })),
        400
    );
    assert_eq!(status(json!({ "name": "a", "strategy": "auth0", "metadata": { "a": 1 } })), 400);
}

fn connections_need_their_scopes() {
    let tenant = tenant(&database_user("ada", "ada@example.com"));
    needs_a_scope(
        &tenant,
        &[
            ("GET", "connections/con_AAAAAAAAAAAAAAAA/clients"),
            ("POST", "connections"),
            ("PATCH", "connections/con_AAAAAAAAAAAAAAAA"),
            ("DELETE", "connections/con_AAAAAAAAAAAAAAAA"),
        ],
    );
}
