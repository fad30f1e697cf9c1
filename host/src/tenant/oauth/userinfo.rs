//! `/userinfo`.
//!
//! Source: OpenID Connect Core 1.0, 5.3.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::model::{ApiError, mask_addresses};
use crate::tenant::embedded::legacy;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::oauth::bearer::{Bearer, Unauthorized, kept_by_nobody};
use crate::tenant::server::blocking::read;
use crate::tenant::signing::tokens::profile_claims;
use crate::tenant::signing::verification::Claims;
use crate::tenant::state::{Shared, Tenant};

/// The user of an access token, as its scopes let the client know them.
pub(crate) async fn userinfo(State(tenant): State<Shared>, request: Request) -> Response {
    let bearer = match Bearer::of(request, &tenant).await {
        Ok(bearer) => bearer,
        Err(why) => return why.into_response(),
    };
    let in_query = bearer.in_query;
    let response = read(&tenant, move |tenant| answer(tenant, &bearer.token)).await;
    if in_query { kept_by_nobody(response) } else { response }
}

fn answer(tenant: &Tenant, token: &str) -> Response {
    let Some((sub, claims)) = claims(tenant, token) else { return Unauthorized::Token.into_response() };
    let user = match tenant.directory.get(&sub) {
        Ok(stored) => stored.user,
        Err(ApiError::NotFound(_)) => return Unauthorized::Token.into_response(),
        Err(error) => return unavailable(error).into_response(),
    };
    if user.blocked {
        let user = mask_addresses(&user.user_id);
        tracing::warn!(target: "audit", user = %user, "a blocked user's token was refused");
        return Unauthorized::Token.into_response();
    }
    if tenant.people.revocations.is_revoked(&sub, claims.began()) || !claims.has_identity_of(&user) {
        tracing::warn!(target: "audit", "a revoked token was refused");
        return Unauthorized::Token.into_response();
    }
    // A token that is for this endpoint alone is one of the time when everything
    // was shown to it.
    if tenant.config.legacy_id_tokens && claims.aud.is_string() {
        return Json(legacy::profile(&user, claims.azp.as_deref().unwrap_or_default())).into_response();
    }
    let mut answer = profile_claims(&user, &claims.scope);
    answer.insert("sub".to_owned(), sub.into());
    Json(Value::Object(answer)).into_response()
}

fn claims(tenant: &Tenant, token: &str) -> Option<(String, Arc<Claims>)> {
    let claims = tenant
        .signing
        .verify(token)
        .inspect_err(|error| tracing::warn!(target: "audit", %error, "a bearer token was refused"))
        .ok()?;
    let is_own = |audience: &Value| {
        audience
            .as_str()
            .and_then(|it| it.strip_suffix("userinfo"))
            .is_some_and(|issuer| tenant.signing.hosts.is_own(issuer))
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
