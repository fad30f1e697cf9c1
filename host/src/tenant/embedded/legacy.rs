//! What applications from before 2018 ask for, where that is switched on.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::model::User;
use crate::tenant::config::{Client, LEGACY};
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::profile;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// Refuses what is there for older applications alone, unless it is switched on.
pub(crate) fn require(tenant: &Tenant, what: &str) -> Result<(), OAuthError> {
    if tenant.config.legacy_id_tokens {
        return Ok(());
    }
    tracing::warn!(target: "audit", what, "a request of an older application was refused");
    Err(OAuthError::new(StatusCode::NOT_FOUND, "not_found", format!("{what} {LEGACY}")))
}

/// The client that a page is of, by its id and its origin; a program that is no
/// page has none.
pub(crate) fn client<'a>(
    tenant: &'a Tenant,
    issuer: &Issuer,
    headers: &HeaderMap,
    params: &Params,
) -> Result<&'a Client, OAuthError> {
    let client = tenant.config.client(params.require("client_id")?);
    let client = client.ok_or_else(|| OAuthError::invalid_request("the client was not found"))?;
    let Some(origin) = headers.get(ORIGIN) else { return Ok(client) };
    let origin = origin.to_str().unwrap_or_default();
    // A page of the client's callbacks gets the tokens of a login anyway.
    let is_callbacks = |callback: &String| {
        // A callback of an app's own scheme has no web origin that other pages could share.
        url::Url::parse(callback).is_ok_and(|callback| {
            callback.origin().is_tuple() && callback.origin().ascii_serialization() == origin
        })
    };
    if origin == issuer.origin()
        || client.origins.iter().any(|it| it == origin)
        || client.callbacks.iter().any(is_callbacks)
    {
        return Ok(client);
    }
    tracing::warn!(target: "audit", client = client.client_id, "a login from a foreign origin was refused");
    Err(OAuthError::access_denied("This origin is not among the client's origins."))
}

/// An address that a page calls its own, without the part that the browser
/// keeps to itself: older applications send theirs as it stands.
pub(crate) fn without_fragment<'a>(tenant: &Tenant, uri: &'a str) -> &'a str {
    match uri.split_once('#') {
        Some((address, _)) if tenant.config.legacy_id_tokens => address,
        _ => uri,
    }
}

/// Parameters with `authParams[name]`, as older applications write them in
/// forms, gathered under `authParams`.
pub(crate) fn auth_params(tenant: &Tenant, params: &Params) -> Result<Params, OAuthError> {
    let Some(gathered) = params.gathered("authParams") else { return Ok(params.clone()) };
    if tenant.config.legacy_id_tokens {
        return Ok(gathered);
    }
    Err(OAuthError::invalid_request(format!("authParams[…]: a form that writes it so {LEGACY}")))
}

/// A refusal as older libraries read it: auth0-js 8 by `error`, the ones before
/// and Lock by `code`.
pub(crate) struct OfOlder(pub(crate) OAuthError);

impl IntoResponse for OfOlder {
    fn into_response(self) -> Response {
        let OAuthError { status, error, description } = self.0;
        let (status, error) = match error {
            "invalid_grant" => (StatusCode::UNAUTHORIZED, "invalid_user_password"),
            "unauthorized" => (StatusCode::UNAUTHORIZED, error),
            _ => (status, error),
        };
        let body = json!({
            "error": error, "error_description": description,
            "name": "ValidationError", "code": error, "description": description, "statusCode": status.as_u16(),
        });
        (status, Json(body)).into_response()
    }
}

/// `/tokeninfo`: the profile of an ID token's user.
///
/// Source: Auth0, "Get token info" (legacy).
pub(crate) async fn tokeninfo(
    State(tenant): State<Shared>,
    request: Request,
) -> Result<Response, OAuthError> {
    require(&tenant, "/tokeninfo")?;
    let params = if request.headers().contains_key(CONTENT_TYPE) {
        Params::from_request(request, &tenant).await?
    } else {
        Params::parse_form(request.uri().query().unwrap_or_default().as_bytes())?
    };
    run(&tenant, move |tenant| {
        let unauthorized = || OAuthError::new(StatusCode::UNAUTHORIZED, "invalid_token", "Unauthorized");
        let claims = tenant.signing.verify(params.require("id_token")?).map_err(|error| {
            tracing::warn!(target: "audit", %error, "an ID token was refused");
            unauthorized()
        })?;
        let client_id = claims.aud.as_str().filter(|it| tenant.config.client(it).is_some());
        let (Some(client_id), Some(Value::String(sub))) = (client_id, &claims.sub) else {
            return Err(unauthorized());
        };
        let stored = tenant.directory.get(sub).map_err(|_| unauthorized())?;
        if stored.user.blocked {
            tracing::warn!(target: "audit", client = client_id, "a blocked user's token was refused");
            return Err(unauthorized());
        }
        if tenant.people.revocations.is_revoked(sub, claims.began()) || !claims.has_identity_of(&stored.user)
        {
            tracing::warn!(target: "audit", client = client_id, "a revoked token was refused");
            return Err(unauthorized());
        }
        Ok(Json(profile(&stored.user, client_id)).into_response())
    })
    .await
}

/// `/user/ssodata/`, which auth0-js 8 writes with a slash: nobody, as wherever
/// third-party cookies are blocked.
pub(crate) async fn ssodata(State(tenant): State<Shared>) -> Result<Json<Value>, OAuthError> {
    require(&tenant, "/user/ssodata/")?;
    Ok(Json(json!({ "sso": false })))
}

/// A user as applications were shown one, whatever scopes they had asked for.
///
/// Source: Auth0, "Get user info" and "Get token info" (legacy).
pub(crate) fn profile(user: &User, client_id: &str) -> Value {
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
    for (name, value) in profile::of(user) {
        profile[name] = value.into();
    }
    profile
}
