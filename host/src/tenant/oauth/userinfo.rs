//! `/userinfo`.
//!
//! Source: OpenID Connect Core 1.0, 5.3.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::model::{ApiError, User, mask_addresses};
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::token_check::is_token_revoked;
use crate::tenant::oauth::bearer::{Bearer, Unauthorized, forbid_caching};
use crate::tenant::profile;
use crate::tenant::signing::Signing;
use crate::tenant::signing::tokens::profile_claims;
use crate::tenant::signing::verification::Claims;
use crate::tenant::state::Tenant;

/// `GET` or `POST /userinfo`: responds with the claims of the access token's user that its
/// scopes allow.
pub(crate) async fn show(visit: Visit<()>, request: Request) -> Response {
    let bearer = match Bearer::from_request(request, &visit.tenant).await {
        Ok(bearer) => bearer,
        Err(why) => return why.into_response(),
    };
    let in_query = bearer.in_query;
    let response = visit.respond(move |visit| describe_user(&visit.tenant, &bearer.token)).await;
    if in_query { forbid_caching(response) } else { response }
}

fn describe_user(tenant: &Tenant, token: &str) -> Response {
    let Some((sub, claims)) = verify(&tenant.signing, token) else {
        return Unauthorized::Token.into_response();
    };
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
    let is_revoked = match is_token_revoked(&*tenant.directory, &tenant.people, &user, &claims) {
        Ok(is_revoked) => is_revoked,
        Err(error) => return unavailable(error).into_response(),
    };
    if is_revoked {
        tracing::warn!(target: "audit", "a revoked token was refused");
        return Unauthorized::Token.into_response();
    }
    // Older applications use a token for this endpoint only, which showed the whole profile.
    if tenant.config.legacy_id_tokens && claims.aud.is_string() {
        return Json(legacy_profile(&user, claims.azp.as_deref().unwrap_or_default())).into_response();
    }
    let mut claims = profile_claims(&user, &claims.scope);
    claims.insert("sub".to_owned(), sub.into());
    Json(Value::Object(claims)).into_response()
}

fn verify(signing: &Signing, token: &str) -> Option<(String, Arc<Claims>)> {
    let claims = signing
        .verify(token)
        .inspect_err(|error| tracing::warn!(target: "audit", %error, "a bearer token was refused"))
        .ok()?;
    let is_own = |audience: &Value| {
        audience
            .as_str()
            .and_then(|it| it.strip_suffix("userinfo"))
            .is_some_and(|issuer| signing.hosts.is_own(issuer))
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

/// The whole profile of a user, which older applications get whatever scopes they
/// request.
///
/// Source: Auth0, "Get user info" and "Get token info" (legacy).
pub(crate) fn legacy_profile(user: &User, client_id: &str) -> Value {
    let identities = user.identities.iter().map(|it| {
        let mut shown = json!({
            "user_id": it.user_id, "provider": it.provider, "connection": it.connection, "isSocial": it.is_social,
        });
        if let Some(profile) = &it.profile_data {
            shown["profileData"] = Value::Object(profile.clone());
        }
        profile::complete_identity(&mut shown);
        shown
    });
    let mut profile = json!({
        "sub": user.user_id, "user_id": user.user_id, "clientID": client_id, "global_client_id": client_id,
        "identities": identities.collect::<Vec<_>>(),
        "created_at": user.created_at, "updated_at": user.updated_at,
    });
    if let Some(email) = &user.email {
        profile["email"] = email.as_str().into();
        profile["email_verified"] = user.email_verified.is_verified().into();
    }
    for (name, metadata) in [("user_metadata", &user.user_metadata), ("app_metadata", &user.app_metadata)] {
        if let Some(metadata) = metadata {
            profile[name] = Value::Object(metadata.clone());
        }
    }
    for name in
        ["given_name", "family_name", "gender", "locale", "username", "phone_number", "phone_verified"]
    {
        if let Some(value) = user.rest.get(name) {
            profile[name] = value.clone();
        }
    }
    for (name, value) in profile::derive_profile(user) {
        profile[name] = value.into();
    }
    profile
}
