//! `/userinfo`.
//!
//! Source: OpenID Connect Core 1.0, 5.3.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::prove::unavailable;
use crate::login::ApiError;
use crate::tenant::tokens::profile_claims;
use crate::tenant::verification::Claims;
use crate::tenant::{Shared, Tenant, read};

/// The user of an access token, as its scopes let the client know them.
pub(super) async fn userinfo(State(tenant): State<Shared>, headers: HeaderMap) -> Response {
    read(&tenant, move |tenant| match claims(tenant, &headers) {
        Some((sub, claims)) => match tenant.directory.get(&sub) {
            Ok(stored) => {
                let mut answer = profile_claims(&stored.user, &claims.scope);
                answer.insert("sub".to_owned(), sub.into());
                Json(Value::Object(answer)).into_response()
            }
            Err(ApiError::NotFound(_)) => unauthorized(),
            Err(error) => unavailable(error).into_response(),
        },
        None => unauthorized(),
    })
    .await
}

fn claims(tenant: &Tenant, headers: &HeaderMap) -> Option<(String, Arc<Claims>)> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let claims = tenant
        .verify(token.trim())
        .inspect_err(|error| tracing::warn!(target: "audit", %error, "a bearer token was refused"))
        .ok()?;
    let is_own = |audience: &Value| {
        audience
            .as_str()
            .and_then(|it| it.strip_suffix("userinfo"))
            .is_some_and(|issuer| tenant.hosts.is_own(issuer))
    };
    let is_for_us = match &claims.aud {
        Value::Array(all) => all.iter().any(is_own),
        one => is_own(one),
    };
    if !is_for_us {
        tracing::warn!(target: "audit", "a token for another audience was refused");
        return None;
    }
    let sub = claims.sub.as_ref()?.as_str()?.to_owned();
    Some((sub, claims))
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")], "Unauthorized")
        .into_response()
}
