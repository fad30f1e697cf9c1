//! The client of the Management API with the local tenant.

use std::time::Duration;

use serde_json::json;

use ligature_host::ambient::Ambient;
use ligature_host::auth0::{CallErrorKind, ClientCredentials, ManagementClient, Named, TimeLimit, UsersApi};
use ligature_host::model::{Identity, IdentityKey};

use super::{Machine, tenant};
use crate::tenants::{DATABASE, Tenant, database_user, text, user};

crate::tests![
    the_client_finds_links_and_unlinks,
    the_client_reads_and_assigns_roles,
    the_client_reads_organizations_and_adds_members,
    the_client_says_what_the_tenant_refuses,
    the_client_keeps_to_the_rate_of_the_tenant,
];

const GOOGLE: IdentityKey<'_> =
    IdentityKey { connection: "google-oauth2", provider: "google-oauth2", user_id: "1080" };

/// A client of the tenant by one of its applications.
fn client(tenant: &Tenant, ambient: &Ambient, id: &str, secret: &str) -> ManagementClient {
    let domain = tenant.http().trim_start_matches("http://").trim_end_matches('/');
    let address = format!("auth0://{domain}").parse().expect("an address");
    ManagementClient::connect(address, ClientCredentials::new(id, secret), ambient).expect("a client")
}

fn ids(identities: &[Identity]) -> Vec<String> {
    identities.iter().map(Identity::as_user_id).collect()
}

fn the_client_finds_links_and_unlinks() {
    let users = database_user("ada", "ada@example.com")
        + &user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let (tenant, ambient) = (Tenant::with(&users), Ambient::system());
    let client = client(&tenant, &ambient, "web", "the secret of the web application");
    let limit = TimeLimit::after(&ambient, Duration::from_secs(20));

    let found = client.users_by_email("ada@example.com", limit).expect("users");
    let mut found: Vec<&str> = found.iter().map(|user| user.user_id.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["auth0|ada", "google-oauth2|1080"]);
    assert!(client.users_by_email("Ada@example.com", limit).expect("no users").is_empty());
    let ada = client.user("auth0|ada", limit).expect("a user");
    assert_eq!(ada.identities[0].connection, DATABASE);

    let linked = client.link("auth0|ada", GOOGLE, limit).expect("identities");
    assert_eq!(ids(&linked), ["auth0|ada", "google-oauth2|1080"]);
    assert!(client.user("google-oauth2|1080", limit).expect_err("a refusal").is_not_found());
    // The identity is the primary's already.
    let again = client.link("auth0|ada", GOOGLE, limit).expect_err("a refusal");
    assert!(matches!(again.kind, CallErrorKind::Refused { .. }), "{again}");

    let patch = json!({"app_metadata": {"plan": "gold", "absent": null}});
    let patched = client.patch_user("auth0|ada", &patch, limit).expect("a user");
    assert_eq!(serde_json::to_value(patched.app_metadata).expect("JSON"), json!({"plan": "gold"}));

    let left = client.unlink("auth0|ada", GOOGLE, limit).expect("identities");
    assert_eq!(ids(&left), ["auth0|ada"]);
    let separate = client.user("google-oauth2|1080", limit).expect("a user");
    assert_eq!(ids(&separate.identities), ["google-oauth2|1080"]);
    assert!(client.unmet_needs(limit).expect("a token").iter().all(|need| need.need.is_optional));
}

fn the_client_reads_and_assigns_roles() {
    let (tenant, ambient) = (tenant(&database_user("ada", "ada@example.com")), Ambient::system());
    let id = text(&Machine::of(&tenant).get("roles")[0]["id"]).to_owned();
    let client = client(&tenant, &ambient, "machine", "the secret of the machine");
    let limit = TimeLimit::after(&ambient, Duration::from_secs(20));
    assert_eq!(client.roles("auth0|ada", limit).expect("roles"), []);
    for _ in 0..2 {
        client.assign_roles("auth0|ada", std::slice::from_ref(&id), limit).expect("a role");
        let admin = Named { id: id.clone(), name: "admin".to_owned() };
        assert_eq!(client.roles("auth0|ada", limit).expect("roles"), [admin]);
    }
}

fn the_client_reads_organizations_and_adds_members() {
    let (tenant, ambient) = (tenant(&database_user("ada", "ada@example.com")), Ambient::system());
    let client = client(&tenant, &ambient, "machine", "the secret of the machine");
    let limit = TimeLimit::after(&ambient, Duration::from_secs(20));
    assert_eq!(client.organizations("auth0|ada", limit).expect("organizations"), []);
    for _ in 0..2 {
        client.add_member("org_acme", "auth0|ada", limit).expect("a membership");
        let acme = Named { id: "org_acme".to_owned(), name: "acme".to_owned() };
        assert_eq!(client.organizations("auth0|ada", limit).expect("organizations"), [acme]);
    }
    let error = client.add_member("org_404", "auth0|ada", limit).expect_err("a refusal");
    assert!(error.is_not_found(), "{error}");
}

fn the_client_says_what_the_tenant_refuses() {
    let (tenant, ambient) = (Tenant::with(&database_user("ada", "ada@example.com")), Ambient::system());
    let limit = TimeLimit::after(&ambient, Duration::from_secs(20));
    let wrong = client(&tenant, &ambient, "web", "another-secret");
    let error = wrong.user("auth0|ada", limit).expect_err("a refusal").to_string();
    assert!(error.contains("check the client id and the client secret"), "{error}");
    assert!(!error.contains("another-secret"), "{error}");

    // This application may read users only.
    let reader = client(&tenant, &ambient, "other", "the secret of another application");
    reader.user("auth0|ada", limit).expect("a user");
    let error = reader.link("auth0|ada", GOOGLE, limit).expect_err("a refusal").to_string();
    assert!(
        error.contains(
            "the scope update:users of the Management API, which Ligature needs to link and unlink identities"
        ),
        "{error}"
    );
    let unmet = reader.unmet_needs(limit).expect("a token");
    assert!(unmet.iter().any(|need| !need.need.is_optional), "{unmet:?}");
}

fn the_client_keeps_to_the_rate_of_the_tenant() {
    let slow = "\n[rate_limit.management]\nper_second = 2\nburst = 2\n";
    let tenant = Tenant::with(&(slow.to_owned() + &database_user("ada", "ada@example.com")));
    let ambient = Ambient::system();
    let client = client(&tenant, &ambient, "web", "the secret of the web application");
    let limit = TimeLimit::after(&ambient, Duration::from_secs(30));
    std::thread::scope(|scope| {
        let logins: Vec<_> = (0..8).map(|_| scope.spawn(|| client.user("auth0|ada", limit))).collect();
        for login in logins {
            login.join().expect("a result").expect("a user");
        }
    });
    // A login without time is refused, without a request.
    for _ in 0..3 {
        let _ = client.user("auth0|ada", limit);
    }
    let short = TimeLimit::after(&ambient, Duration::ZERO);
    let error = client.user("auth0|ada", short).expect_err("a refusal");
    let expected = matches!(error.kind, CallErrorKind::RateLimited { .. } | CallErrorKind::TimedOut { .. });
    assert!(expected, "{error}");
}
