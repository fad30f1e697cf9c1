//! What applications from before 2018 ask for, where that is switched on.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::Refused;
use super::params::Params;
use crate::login::User;
use crate::tenant::{Shared, profile, run};

/// `/tokeninfo`: the profile of an ID token's user.
///
/// Source: Auth0, "Get token info" (legacy).
pub(super) async fn tokeninfo(State(tenant): State<Shared>, request: Request) -> Result<Response, Refused> {
    if !tenant.config.legacy_id_tokens {
        return Ok((StatusCode::NOT_FOUND, "Not found.\n").into_response());
    }
    let params = if request.headers().contains_key(CONTENT_TYPE) {
        use axum::extract::FromRequest;
        Params::from_request(request, &tenant).await?
    } else {
        Params::of_form(request.uri().query().unwrap_or_default().as_bytes())?
    };
    run(&tenant, move |tenant| {
        let unauthorized = || Refused::new(StatusCode::UNAUTHORIZED, "invalid_token", "Unauthorized");
        let claims = tenant.verify(params.require("id_token")?).map_err(|error| {
            tracing::warn!(target: "audit", %error, "an ID token was refused");
            unauthorized()
        })?;
        let client_id = claims.aud.as_str().filter(|it| tenant.config.client(it).is_some());
        let (Some(client_id), Some(Value::String(sub))) = (client_id, &claims.sub) else {
            return Err(unauthorized());
        };
        let stored = tenant.directory.get(sub).map_err(|_| unauthorized())?;
        Ok(Json(profile(&stored.user, client_id)).into_response())
    })
    .await
}

fn profile(user: &User, client_id: &str) -> Value {
    let identities = user.identities.iter().map(|it| {
        let mut shown = json!({
            "user_id": it.user_id, "provider": it.provider, "connection": it.connection, "isSocial": it.is_social,
        });
        if let Some(profile) = &it.profile_data {
            shown["profileData"] = Value::Object(profile.clone());
        }
        shown
    });
    let mut profile = json!({
        "user_id": user.user_id, "clientID": client_id, "global_client_id": client_id,
        "identities": identities.collect::<Vec<_>>(),
        "email": user.email, "email_verified": user.email_verified.is_verified(),
        "created_at": user.created_at, "updated_at": user.updated_at,
    });
    for name in ["given_name", "family_name"] {
        if let Some(value) = user.rest.get(name) {
            profile[name] = value.clone();
        }
    }
    for (name, value) in profile::of(user) {
        profile[name] = value.into();
    }
    profile
}
