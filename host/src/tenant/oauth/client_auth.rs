//! Authentication of clients.
//!
//! Source: RFC 6749, 2.3.1.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::tenant::config::Client;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::visit::Visit;
use crate::tenant::signing::tokens::secrets_are_equal;

/// Authenticates the client, by Basic or by the body. A client without a secret only
/// names itself.
pub(crate) fn authenticate(visit: &Visit) -> Result<&Client, OAuthError> {
    let Visit { tenant, params, .. } = visit;
    let basic = parse_basic(&visit.headers)?;
    let (client_id, secret) = match &basic {
        Some((id, secret)) => {
            if params.get("client_secret").is_some() || params.get("client_id").is_some_and(|it| it != id) {
                return Err(OAuthError::invalid_request(
                    "the client stands both in the header and in the body",
                ));
            }
            (id.as_str(), Some(secret.as_str()))
        }
        None => (params.require("client_id")?, params.get("client_secret")),
    };
    // An unknown client gets the same error as a wrong secret.
    let client = tenant.config.client(client_id).ok_or_else(OAuthError::unauthorized)?;
    match (&client.client_secret, secret) {
        // Many clients do not form-encode the id and the secret.
        (Some(_), Some(secret)) if basic.is_some() => {
            check_secret(client, &decode_part(secret)).or_else(|_| check_secret(client, secret))?;
        }
        (Some(_), Some(secret)) => check_secret(client, secret)?,
        (None, None) => {}
        _ => {
            tracing::warn!(target: "audit", client = client.client_id, "a client did not authenticate");
            return Err(OAuthError::unauthorized());
        }
    }
    Ok(client)
}

/// Refuses a secret that is not the client's.
pub(crate) fn check_secret(client: &Client, secret: &str) -> Result<(), OAuthError> {
    if client.client_secret.as_deref().is_some_and(|known| secrets_are_equal(known, secret)) {
        return Ok(());
    }
    tracing::warn!(target: "audit", client = client.client_id, "a client's secret was wrong");
    Err(OAuthError::unauthorized())
}

fn parse_basic(headers: &HeaderMap) -> Result<Option<(String, String)>, OAuthError> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let parse = || {
        let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((decode_part(id), secret.to_owned()))
    };
    parse().map(Some).ok_or_else(|| OAuthError::invalid_request("the Authorization header is not Basic"))
}

/// Decodes the id or the secret, which are form-encoded before they are joined.
fn decode_part(part: &str) -> String {
    let encoded = format!("x={part}");
    url::form_urlencoded::parse(encoded.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
