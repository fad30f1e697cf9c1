//! Organizations, and their members.

use serde_json::{Value, json};

use super::{Machine, needs_a_scope, tenant};
use crate::tenants::{Tenant, database_user, text, user};

crate::tests![
    organizations_are_made_and_removed,
    users_are_members_of_organizations,
    a_link_destroys_the_memberships_of_the_secondary,
    a_membership_of_an_unknown_organization_is_shown_by_its_id,
    a_configured_organization_is_removed_in_its_file,
    organizations_need_their_scopes,
];

fn with_ada() -> Tenant {
    tenant(&database_user("ada", "ada@example.com"))
}

fn acme() -> Value {
    json!({ "id": "org_acme", "name": "acme", "display_name": "Acme Inc." })
}

fn organizations_are_made_and_removed() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let made = machine.ask("POST", "organizations", &json!({ "name": "globex" }));
    assert_eq!(made.status, 201);
    let made = made.json();
    assert!(text(&made["id"]).starts_with("org_"), "{made}");
    assert_eq!(made["display_name"], "globex");
    let path = format!("organizations/{}", text(&made["id"]));
    assert_eq!(machine.get(&path), made);
    assert_eq!(machine.get("organizations"), json!([acme(), made]));
    let page = machine.get("organizations?page=1&per_page=1&include_totals=true");
    assert_eq!((&page["total"], &page["organizations"]), (&json!(2), &json!([made])));
    let page = machine.get("organizations?take=1");
    assert_eq!((&page["organizations"], &page["next"]), (&json!([acme()]), &json!("org_acme")));

    let taken = machine.refusal("POST", "organizations", &json!({ "name": "globex" }));
    assert_eq!(taken, (409, "An organization with this name already exists.".to_owned()));
    for name in ["", "Globex", "-globex", "globex inc", &"x".repeat(51)] {
        assert_eq!(machine.refusal("POST", "organizations", &json!({ "name": name })).0, 400, "{name}");
    }

    // A member loses its membership with the organization.
    let ada = json!({ "members": ["auth0|ada"] });
    assert_eq!(machine.ask("POST", &format!("{path}/members"), &ada).status, 204);
    assert_eq!(machine.get("users/auth0%7Cada/organizations"), json!([made]));
    assert_eq!(machine.ask("DELETE", &path, &json!({})).status, 204);
    assert_eq!(machine.get("users/auth0%7Cada/organizations"), json!([]));
    let gone = machine.refusal("DELETE", &path, &json!({}));
    assert_eq!(gone, (404, "No organization found by that id or name.".to_owned()));
}

fn users_are_members_of_organizations() {
    let tenant = with_ada();
    let machine = Machine::of(&tenant);
    let (members, own) = ("organizations/org_acme/members", "users/auth0%7Cada/organizations");
    let ada = json!({ "members": ["auth0|ada"] });
    for _ in 0..2 {
        assert_eq!(machine.ask("POST", members, &ada).status, 204);
        assert_eq!(machine.get(own), json!([acme()]));
    }
    let page = machine.get(&format!("{own}?include_totals=true&page=0&per_page=10"));
    assert_eq!((&page["total"], &page["organizations"]), (&json!(1), &json!([acme()])));
    let listed = machine.get(members);
    let user = machine.get("users/auth0%7Cada");
    for key in ["user_id", "email", "name", "picture"] {
        assert_eq!(listed[0][key], user[key], "{key}");
    }
    // The user itself does not show them.
    assert!(user["organizations"].is_null(), "{user}");

    let nobody = json!({ "members": ["auth0|ada", "auth0|nobody"] });
    assert_eq!(machine.ask("DELETE", members, &ada).status, 204);
    assert_eq!(machine.refusal("POST", members, &nobody), (404, "The user does not exist.".to_owned()));
    assert_eq!(machine.get(own), json!([]), "all of them, or none");
    assert_eq!(machine.refusal("POST", "organizations/org_x/members", &ada).0, 404);
    assert_eq!(machine.refusal("POST", members, &json!({ "members": [] })).0, 400);
    let absent = machine.send(crate::http::Request::get("/api/v2/users/auth0%7Cnobody/organizations"));
    assert_eq!((absent.status, &absent.json()["errorCode"]), (404, &json!("inexistent_user")));
}

fn a_link_destroys_the_memberships_of_the_secondary() {
    let users = database_user("ada", "ada@example.com")
        + &user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let tenant = tenant(&users);
    let machine = Machine::of(&tenant);
    let google = json!({ "members": ["google-oauth2|1080"] });
    assert_eq!(machine.ask("POST", "organizations/org_acme/members", &google).status, 204);
    let link = json!({ "provider": "google-oauth2", "user_id": "1080" });
    assert_eq!(machine.ask("POST", "users/auth0%7Cada/identities", &link).status, 201);
    assert_eq!(machine.get("organizations/org_acme/members"), json!([]));
    assert_eq!(machine.get("users/auth0%7Cada/organizations"), json!([]));
    // An unlink does not bring them back.
    assert_eq!(
        machine.ask("DELETE", "users/auth0%7Cada/identities/google-oauth2/1080", &json!({})).status,
        200
    );
    assert_eq!(machine.get("users/google-oauth2%7C1080/organizations"), json!([]));
}

/// The directory may be older than the configuration.
fn a_membership_of_an_unknown_organization_is_shown_by_its_id() {
    let member = "\n[[users]]\nuser_id = \"google-oauth2|1080\"\nconnection = \"google-oauth2\"\n\
                  organizations = [\"org_old\"]\n";
    let tenant = tenant(member);
    let machine = Machine::of(&tenant);
    let own = "users/google-oauth2%7C1080/organizations";
    assert_eq!(machine.get(own), json!([{ "id": "org_old", "name": "org_old", "display_name": "org_old" }]));
    let google = json!({ "members": ["google-oauth2|1080"] });
    assert_eq!(machine.ask("DELETE", "organizations/org_old/members", &google).status, 204);
    assert_eq!(machine.get(own), json!([]));
}

fn a_configured_organization_is_removed_in_its_file() {
    let tenant = with_ada();
    let words = "The organization is from tenant.toml and can only be removed there.".to_owned();
    let refused = Machine::of(&tenant).refusal("DELETE", "organizations/org_acme", &json!({}));
    assert_eq!(refused, (400, words));
}

fn organizations_need_their_scopes() {
    let tenant = with_ada();
    needs_a_scope(
        &tenant,
        &[
            ("GET", "organizations"),
            ("POST", "organizations"),
            ("GET", "organizations/org_acme"),
            ("DELETE", "organizations/org_acme"),
            ("GET", "organizations/org_acme/members"),
            ("POST", "organizations/org_acme/members"),
            ("DELETE", "organizations/org_acme/members"),
            ("GET", "users/auth0%7Cada/organizations"),
        ],
    );
}
