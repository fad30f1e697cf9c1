//! Responses for unknown paths. A path that only Auth0 has is distinguished from a path that
//! neither Auth0 nor this tenant has.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use crate::model::{mask_addresses, truncate};
use crate::tenant::server::refusal::Envelope;

/// The resources of Auth0's Management API, with their names for people.
///
/// Source: Auth0's OpenAPI document, November 2026.
const RESOURCES: &[(&str, &str)] = &[
    ("actions", "actions"),
    ("agents", "agents"),
    ("anomaly", "anomaly detection"),
    ("attack-protection", "attack protection settings"),
    ("blacklists", "blacklists of tokens"),
    ("branding", "branding"),
    ("client-grants", "client grants"),
    ("clients", "clients"),
    ("connection-profiles", "connection profiles"),
    ("connections", "connections"),
    ("connections-scim-configurations", "SCIM"),
    ("custom-domains", "custom domains"),
    ("device-credentials", "device credentials"),
    ("email-templates", "email templates"),
    ("emails", "email provider"),
    ("event-streams", "event streams"),
    ("events", "events"),
    ("experimentation", "experiments"),
    ("federated-connections-tokensets", "federated connections"),
    ("flows", "flows"),
    ("forms", "forms"),
    ("grants", "user grants"),
    ("groups", "groups"),
    ("guardian", "settings of second factors"),
    ("hooks", "hooks"),
    ("jobs", "jobs"),
    ("keys", "keys"),
    ("log-streams", "log streams"),
    ("logs", "logs"),
    ("network-acls", "network ACLs"),
    ("organizations", "organizations"),
    ("prompts", "prompts"),
    ("rate-limit-policies", "rate limit policies"),
    ("refresh-tokens", "refresh tokens"),
    ("resource-servers", "resource servers"),
    ("risk-assessments", "risk assessments"),
    ("roles", "roles"),
    ("rules", "rules"),
    ("rules-configs", "rules"),
    ("self-service-profiles", "self-service profiles"),
    ("sessions", "sessions"),
    ("stats", "statistics"),
    ("supplemental-signals", "supplemental signals"),
    ("tenants", "tenant settings"),
    ("tickets", "tickets"),
    ("token-exchange-profiles", "token exchange profiles"),
    ("user-attribute-profiles", "user attribute profiles"),
    ("user-blocks", "user blocks"),
    ("users", "users"),
    ("users-by-email", "users"),
    ("verifiable-credentials", "verifiable credentials"),
];

/// Paths of Auth0's Authentication API, with their purpose.
pub(crate) const AUTHENTICATION: &[(&str, &str)] = &[
    ("/activate", "device flow"),
    ("/bc-authorize", "back-channel login (CIBA)"),
    ("/delegation", "delegation"),
    ("/login_ticket", "login by ticket"),
    ("/me", "My Account API"),
    ("/mfa", "MFA API; the login page asks for the second factor"),
    ("/oauth/access_token", "login by a provider's access token"),
    ("/oauth/device", "device flow"),
    ("/oauth/par", "pushed authorization requests (PAR)"),
    ("/oauth/reverse", "reverse delegation"),
    ("/oauth2", "second set of OAuth endpoints"),
    ("/oidc/register", "dynamic registration of clients"),
    ("/passkey", "passkeys"),
    ("/samlp", "SAML"),
    ("/scim", "SCIM"),
    ("/unlink", "endpoint that unlinks by access token; DELETE /api/v2/users/{id}/identities/… unlinks"),
    ("/wsfed", "WS-Federation"),
];

/// Responds to a path that this tenant does not have.
pub(crate) async fn answer(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let shown = shorten_path(path);
    let (status, words) = match describe_absent(path) {
        Some(words) => (StatusCode::NOT_IMPLEMENTED, words),
        None => (StatusCode::NOT_FOUND, format!("This tenant has no {method} {shown}.")),
    };
    tracing::info!(
        target: "http", method = method.as_str(), path = %shown, status = status.as_u16(),
        "a request for an unknown path"
    );
    let error = if status == StatusCode::NOT_FOUND { "not_found" } else { "not_implemented" };
    Envelope::from_request(path, request.headers()).refuse(status, error, words)
}

/// Returns a path for display: cut to the length of a line, with addresses masked.
fn shorten_path(path: &str) -> String {
    let parts: Vec<_> = path.split('/').map(mask_addresses).collect();
    truncate(&parts.join("/"), 200).into_owned()
}

/// Returns a message about the missing feature if Auth0 has this path.
fn describe_absent(path: &str) -> Option<String> {
    let is_below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(rest) = path.strip_prefix("/api/v2/") {
        let (resource, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let (_, words) = RESOURCES.iter().find(|(known, _)| *known == resource)?;
        return Some(if rest.is_empty() {
            format!("This tenant has no {words}.")
        } else {
            format!("This tenant has no {}.", shorten_path(path))
        });
    }
    let (_, words) = AUTHENTICATION.iter().find(|(prefix, _)| is_below(prefix))?;
    Some(format!("This tenant has no {words}."))
}

#[cfg(test)]
mod tests {
    use crate::tenant::server::unknown_path::{AUTHENTICATION, RESOURCES, describe_absent};

    #[test]
    fn what_auth0_has_is_told_from_what_nobody_has() {
        for (path, words) in [
            ("/api/v2/actions", "This tenant has no actions."),
            (
                "/api/v2/users/auth0%7C1/authenticators",
                "This tenant has no /api/v2/users/auth0%7C1/authenticators.",
            ),
            ("/oauth/device/code", "This tenant has no device flow."),
            ("/samlp/abc/logout", "This tenant has no SAML."),
        ] {
            assert_eq!(describe_absent(path).as_deref(), Some(words));
        }
        for path in ["/api/v2/nonsense", "/api/v3/users", "/oauth/devices", "/favicon.ico", "/"] {
            assert_eq!(describe_absent(path), None, "{path}");
        }
        assert!(RESOURCES.is_sorted() && AUTHENTICATION.is_sorted());
    }
}
