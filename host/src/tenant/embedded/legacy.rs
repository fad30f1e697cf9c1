//! Requests of applications from before 2018, if the configuration enables them.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::tenant::config::{Client, Config, LEGACY};
use crate::tenant::http::oauth_error::{OAuthError, unavailable};
use crate::tenant::http::params::Params;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::token_check::is_token_revoked;
use crate::tenant::oauth::userinfo::legacy_profile;
use crate::tenant::state::Shared;

/// Refuses a request that only older applications send, unless the configuration enables
/// it.
pub(crate) fn require(config: &Config, what: &str) -> Result<(), OAuthError> {
    if config.legacy_id_tokens {
        return Ok(());
    }
    tracing::warn!(target: "audit", what, "a request of an older application was refused");
    Err(OAuthError::new(StatusCode::NOT_FOUND, "not_found", format!("{what} {LEGACY}")))
}

/// Finds the client that a request names. The page that sends the request must be of one
/// of the client's origins; a program that is not a page sends no origin.
pub(crate) fn find_client(visit: &Visit) -> Result<&Client, OAuthError> {
    let client = visit.tenant.config.client(visit.params.require("client_id")?);
    let client = client.ok_or_else(|| OAuthError::invalid_request("the client was not found"))?;
    let Some(origin) = visit.headers.get(ORIGIN) else { return Ok(client) };
    let origin = origin.to_str().unwrap_or_default();
    // The pages of the client's callbacks get the tokens of a login anyway.
    let is_callbacks = |callback: &String| {
        // A callback of an app's own scheme has no origin that other pages could share.
        url::Url::parse(callback).is_ok_and(|callback| {
            callback.origin().is_tuple() && callback.origin().ascii_serialization() == origin
        })
    };
    if origin == visit.issuer.origin()
        || client.origins.iter().any(|it| it == origin)
        || client.callbacks.iter().any(is_callbacks)
    {
        return Ok(client);
    }
    tracing::warn!(target: "audit", client = client.client_id, "a login from a foreign origin was refused");
    Err(OAuthError::access_denied("This origin is not among the client's origins."))
}

/// Gathers parameters `authParams[name]`, as older applications write them in forms,
/// under `authParams`.
pub(crate) fn gather_auth_params(config: &Config, params: &Params) -> Result<Params, OAuthError> {
    let Some(gathered) = params.collect_list("authParams") else { return Ok(params.clone()) };
    if config.legacy_id_tokens {
        return Ok(gathered);
    }
    Err(OAuthError::invalid_request(format!("authParams[…]: this notation {LEGACY}")))
}

/// An error as older libraries read it: auth0-js 8 reads `error`, older ones and Lock read
/// `code`.
pub(crate) struct LegacyError(pub(crate) OAuthError);

impl IntoResponse for LegacyError {
    fn into_response(self) -> Response {
        let OAuthError { status, error, description, .. } = self.0;
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

/// `/tokeninfo`: responds with the profile of an ID token's user.
///
/// Source: Auth0, "Get token info" (legacy).
pub(crate) async fn tokeninfo(visit: Visit<()>, request: Request) -> Result<Response, OAuthError> {
    require(&visit.tenant.config, "/tokeninfo")?;
    let params = if request.headers().contains_key(CONTENT_TYPE) {
        Params::from_body(request, &visit.tenant).await?
    } else {
        Params::from_query(request.uri())?
    };
    visit
        .admit(params)?
        .run(|visit| {
            let tenant = &*visit.tenant;
            let unauthorized = || OAuthError::new(StatusCode::UNAUTHORIZED, "invalid_token", "Unauthorized");
            let claims = tenant.signing.verify(visit.params.require("id_token")?).map_err(|error| {
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
            let is_revoked = is_token_revoked(&*tenant.directory, &tenant.people, &stored.user, &claims);
            if is_revoked.map_err(unavailable)? {
                tracing::warn!(target: "audit", client = client_id, "a revoked token was refused");
                return Err(unauthorized());
            }
            Ok(Json(legacy_profile(&stored.user, client_id)).into_response())
        })
        .await
}

/// `GET /user/ssodata/`, which auth0-js 8 writes with a slash: reports no login, as in
/// a browser that blocks third-party cookies.
pub(crate) async fn ssodata(State(tenant): State<Shared>) -> Result<Json<Value>, OAuthError> {
    require(&tenant.config, "/user/ssodata/")?;
    Ok(Json(json!({ "sso": false })))
}
