//! The Management API besides users and links.

mod auth0_client;
mod auth0_directory;
mod clients;
mod connections;
mod custom_domains;
mod exports;
#[path = "../../../tests/directories/local_tenant/gate.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod gate;
mod imports;
mod logs;
mod organizations;
mod roles;
mod tickets;

use serde_json::{Value, json};

use crate::Test;
use crate::http::{Request, Response};
use crate::tenants::Tenant;

pub(crate) fn tests() -> Vec<Test> {
    [
        auth0_client::TESTS,
        auth0_directory::TESTS,
        clients::TESTS,
        connections::TESTS,
        custom_domains::TESTS,
        exports::TESTS,
        imports::TESTS,
        logs::TESTS,
        organizations::TESTS,
        roles::TESTS,
        tickets::TESTS,
    ]
    .concat()
}

/// A client that may do everything, and one that may read users.
const MACHINE: &str = r#"
[[clients]]
client_id = "machine"
name = "A machine"
client_secret = "the secret of the machine"
grant_types = ["client_credentials"]
scopes = [
    "create:connections", "create:organization_members", "create:organizations", "create:role_members", "create:roles", "create:user_tickets", "create:users",
    "delete:connections", "delete:organization_members", "delete:organizations", "delete:role_members", "delete:roles", "delete:users",
    "read:attack_protection", "read:client_grants", "read:clients", "read:connections", "read:custom_domains", "read:logs", "read:logs_users",
    "read:organization_members", "read:organizations", "read:resource_servers", "read:role_members", "read:roles", "read:rules", "read:tenant_settings", "read:users",
    "update:connections", "update:roles", "update:users",
]

[[roles]]
name = "admin"
description = "Who may do everything"

[[organizations]]
id = "org_acme"
name = "acme"
display_name = "Acme Inc."
"#;

/// A tenant with the machine, and what else is said.
fn tenant(more: &str) -> Tenant {
    Tenant::with(&format!("{MACHINE}{more}"))
}

/// A caller with the machine's token.
struct Machine<'a> {
    tenant: &'a Tenant,
    token: String,
}

impl<'a> Machine<'a> {
    fn of(tenant: &'a Tenant) -> Self {
        Self { tenant, token: tenant.client_token("machine") }
    }

    fn send(&self, request: Request) -> Response {
        self.tenant.send(&request.bearer(&self.token))
    }

    fn get(&self, path: &str) -> Value {
        let response = self.send(Request::get(format!("/api/v2/{path}")));
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Response {
        self.send(Request::new(method, format!("/api/v2/{path}")).json(body))
    }

    /// The status and the words of a refusal.
    fn refusal(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let response = self.ask(method, path, body);
        let problem = response.json();
        assert_eq!(problem["statusCode"], json!(response.status), "{problem}");
        (response.status, crate::tenants::text(&problem["message"]))
    }
}

/// Each request needs its scope: a client with other scopes is refused, and so is a
/// user's own token.
fn needs_a_scope(tenant: &Tenant, requests: &[(&str, &str)]) {
    let other = tenant.client_token("other");
    let own = tenant.password_tokens("web", "ada@example.com", "openid read:current_user");
    let own = crate::tenants::text(&own["access_token"]);
    for (method, path) in requests {
        let request = || Request::new(method, format!("/api/v2/{path}")).json(&json!({}));
        for token in [&other, &own] {
            let answer = tenant.send(&request().bearer(token));
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
            assert_eq!(answer.json()["errorCode"], "insufficient_scope", "{method} {path}");
        }
        assert_eq!(tenant.send(&request()).status, 401, "{method} {path}");
    }
}
