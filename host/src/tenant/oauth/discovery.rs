//! Discovery: the configuration and the public keys that clients read.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::tenant::config::GRANTS;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::signing::tokens::MULTI_FACTOR;
use crate::tenant::state::Shared;

/// `GET /.well-known/openid-configuration`.
///
/// Source: OpenID Connect Discovery 1.0, 3.
pub(crate) async fn configuration(issuer: Issuer) -> Json<Value> {
    let at = |path: &str| format!("{issuer}{path}");
    Json(json!({
        "issuer": issuer.name(),
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("oauth/token"),
        "revocation_endpoint": at("oauth/revoke"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at(".well-known/jwks.json"),
        "end_session_endpoint": at("oidc/logout"),
        "scopes_supported": ["openid", "profile", "email", "phone", "offline_access"],
        "response_types_supported": [
            "code", "token", "id_token", "code token", "code id_token", "token id_token", "code token id_token",
        ],
        "response_modes_supported": ["query", "fragment", "form_post", "web_message"],
        "grant_types_supported": GRANTS,
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "acr_values_supported": [MULTI_FACTOR],
        "claims_supported": [
            "acr", "amr", "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "name", "given_name", "family_name",
            "nickname", "picture", "locale", "updated_at", "email", "email_verified", "phone_number",
            "phone_number_verified",
        ],
        "request_uri_parameter_supported": false,
        "request_parameter_supported": false,
    }))
}

/// `GET /.well-known/jwks.json`: the public keys.
pub(crate) async fn jwks(State(tenant): State<Shared>) -> Json<Value> {
    Json(tenant.signing.keys.jwks())
}
