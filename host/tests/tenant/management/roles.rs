//! Roles, and who has them.

use serde_json::json;

use super::{Machine, needs_a_scope, tenant};
use crate::tenants::{Tenant, by_google, database_user, text};

crate::tests![
    roles_are_made_changed_and_removed,
    users_have_roles,
    a_configured_role_is_changed_in_its_file,
    a_role_reaches_the_policy_at_a_login,
    roles_need_their_scopes,
];

fn with_ada() -> Tenant {
    tenant(&database_user("ada", "ada@example.com"))
}

fn roles_are_made_changed_and_removed() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let made = machine.ask("POST", "roles", &json!({ "name": "editor", "description": "Who edits" }));
    assert_eq!(made.status, 200);
    let made = made.json();
    assert!(text(&made["id"]).starts_with("rol_"), "{made}");
    let path = format!("roles/{}", text(&made["id"]));
    assert_eq!(machine.get(&path), made);
    let names = |answer: &serde_json::Value| {
        answer.as_array().expect("a list").iter().map(|it| text(&it["name"])).collect::<Vec<_>>()
    };
    assert_eq!(names(&machine.get("roles")), ["admin", "editor"]);
    assert_eq!(names(&machine.get("roles?name_filter=EDIT")), ["editor"]);
    let page = machine.get("roles?page=1&per_page=1&include_totals=true&type=tenant");
    assert_eq!((&page["total"], &page["roles"][0]), (&json!(2), &made));

    let taken = machine.refusal("POST", "roles", &json!({ "name": "editor" }));
    assert_eq!(taken, (409, "There is a role of that name already.".to_owned()));
    let nameless = machine.refusal("POST", "roles", &json!({ "description": "x" }));
    assert_eq!(nameless.0, 400);

    // A user who has the role keeps it under its new name, and loses it with the role.
    assert_eq!(machine.ask("POST", "users/auth0%7Cada/roles", &json!({ "roles": [made["id"]] })).status, 204);
    let renamed = machine.ask("PATCH", &path, &json!({ "name": "author" })).json();
    assert_eq!((&renamed["id"], &renamed["description"]), (&made["id"], &made["description"]));
    assert_eq!(machine.get("users/auth0%7Cada/roles"), json!([renamed]));
    // The name is free, and the id is not.
    let second = machine.ask("POST", "roles", &json!({ "name": "editor" })).json();
    assert_ne!(second["id"], made["id"]);
    assert_eq!(machine.ask("DELETE", &path, &json!({})).status, 204);
    assert_eq!(machine.get("users/auth0%7Cada/roles"), json!([]));
    assert_eq!(machine.refusal("DELETE", &path, &json!({})), (404, "The role does not exist.".to_owned()));
}

fn users_have_roles() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let admin = machine.get("roles")[0].clone();
    let given = json!({ "roles": [admin["id"]] });
    assert_eq!(machine.ask("POST", "users/auth0%7Cada/roles", &given).status, 204);
    assert_eq!(machine.ask("POST", "users/auth0%7Cada/roles", &given).status, 204);
    assert_eq!(machine.get("users/auth0%7Cada/roles"), json!([admin]));
    let page = machine.get("users/auth0%7Cada/roles?include_totals=true&page=0&per_page=10");
    assert_eq!((&page["total"], &page["roles"]), (&json!(1), &json!([admin])));
    let members = machine.get(&format!("roles/{}/users?take=10", text(&admin["id"])));
    assert_eq!(members["users"][0]["user_id"], "auth0|ada");
    // The user object has the same values.
    let user = machine.get("users/auth0%7Cada");
    for key in ["name", "picture"] {
        assert!(user[key].is_string(), "{user}");
        assert_eq!(members["users"][0][key], user[key], "{key}");
    }
    assert!(members["next"].is_null(), "{members}");
    assert_eq!(machine.get("users/auth0%7Cada/permissions"), json!([]));
    // The user itself does not show them.
    assert!(machine.get("users/auth0%7Cada")["roles"].is_null());

    assert_eq!(machine.ask("DELETE", "users/auth0%7Cada/roles", &given).status, 204);
    assert_eq!(machine.get("users/auth0%7Cada/roles"), json!([]));
    let path = format!("roles/{}/users", text(&admin["id"]));
    let nobody = machine.refusal("POST", &path, &json!({ "users": ["auth0|ada", "auth0|nobody"] }));
    assert_eq!(nobody, (404, "The user does not exist.".to_owned()));
    assert_eq!(machine.get("users/auth0%7Cada/roles"), json!([]), "all of them, or none");
    assert_eq!(machine.ask("POST", &path, &json!({ "users": ["auth0|ada"] })).status, 200);
    assert_eq!(machine.get("users/auth0%7Cada/roles"), json!([admin]));
    let unknown = machine.refusal("POST", "users/auth0%7Cada/roles", &json!({ "roles": ["rol_x"] }));
    assert_eq!(unknown, (404, "The role does not exist.".to_owned()));
}

fn a_configured_role_is_changed_in_its_file() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let path = format!("roles/{}", text(&machine.get("roles")[0]["id"]));
    let words = "The role is from tenant.toml and can only be changed there.".to_owned();
    assert_eq!(machine.refusal("PATCH", &path, &json!({ "name": "x" })), (400, words.clone()));
    assert_eq!(machine.refusal("DELETE", &path, &json!({})), (400, words));
}

/// The built-in policy links no account that may do everything unasked.
fn a_role_reaches_the_policy_at_a_login() {
    let policy = crate::logins::File::with(crate::logins::AUTO);
    let users = format!("{}{}", super::MACHINE, database_user("ada", "ada@example.com"));
    let tenant = Tenant::started(&users, &["--policy", policy.name()]);
    let machine = Machine::of(&tenant);
    let admin = json!({ "roles": [machine.get("roles")[0]["id"]] });
    assert_eq!(machine.ask("POST", "users/auth0%7Cada/roles", &admin).status, 204);
    by_google(&mut tenant.browser(), "1080", &[]);
    let decided = tenant.log_of("login");
    let reasons = decided.iter().map(|line| text(&line["reasons"])).collect::<Vec<_>>().join(" ");
    assert!(reasons.contains("PRIVILEGED"), "{reasons}");
    assert_eq!(tenant.user("google-oauth2|1080").status, 200);
}

fn roles_need_their_scopes() {
    let tenant = with_ada();
    needs_a_scope(
        &tenant,
        &[
            ("GET", "roles"),
            ("POST", "roles"),
            ("GET", "roles/rol_1"),
            ("PATCH", "roles/rol_1"),
            ("DELETE", "roles/rol_1"),
            ("GET", "roles/rol_1/permissions"),
            ("POST", "roles/rol_1/users"),
            ("POST", "users/auth0%7Cada/roles"),
            ("DELETE", "users/auth0%7Cada/roles"),
        ],
    );
}
