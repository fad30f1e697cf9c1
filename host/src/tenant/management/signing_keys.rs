//! The keys that tokens are signed with.

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::openapi::CommonRefusals;
use crate::tenant::management::problem::Problem;
use crate::tenant::signing::keys::KeysError;

/// A signing key, without its private part.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct SigningKeyObject {
    kid: String,
    current: bool,
    previous: bool,
}

/// List signing keys
#[utoipa::path(get, path = "/api/v2/keys/signing", operation_id = "get_signing_keys", tag = "keys",
    security(("token" = ["read:signing_keys"])),
    responses((status = 200, description = "The keys, the active one first", body = [SigningKeyObject]), CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:signing_keys"])?;
    let jwks = tenant.signing.keys.jwks();
    let keys = jwks["keys"].as_array().into_iter().flatten().enumerate();
    let shown = keys.map(|(n, key)| json!({ "kid": key["kid"], "current": n == 0, "previous": n > 0 }));
    Ok(Json(shown.collect()))
}

/// Rotate the signing key
///
/// From now on, tokens are signed with a new key. Tokens signed with the previous key stay
/// valid.
#[utoipa::path(post, path = "/api/v2/keys/signing/rotate", operation_id = "post_signing_keys", tag = "keys",
    security(("token" = ["update:signing_keys"])),
    responses((status = 201, description = "The new key", body = SigningKeyObject), CommonRefusals))]
pub(super) async fn rotate(
    ManagementCall { caller, visit }: ManagementCall,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&["update:signing_keys"])?;
    let rotate = |Visit { tenant, .. }: &Visit<()>| tenant.signing.keys.rotate().map_err(describe_failure);
    let kid = visit.run(rotate).await?;
    tracing::info!(target: "audit", client = caller.client_id, kid, "the signing key was rotated");
    Ok((StatusCode::CREATED, Json(json!({ "kid": kid, "current": true, "previous": false }))))
}

fn describe_failure(error: KeysError) -> Problem {
    tracing::error!(%error, "the signing key was not rotated");
    match error {
        KeysError::NotRotated => {
            Problem::operation("This tenant has a fixed signing key, which is not rotated.")
        }
        _ => Problem::plain(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
