//! The access token of a request: in the header, in a form or in the query.
//!
//! Source: RFC 6750, 2 and 3.

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::{FORM, Params, media_type};
use crate::tenant::state::Shared;

/// The token of a request.
pub(crate) struct Bearer {
    pub(crate) token: String,
    /// Whether it is in the address, which other programs may store.
    pub(crate) in_query: bool,
}

/// The reason why a request is refused.
pub(crate) enum Unauthorized {
    /// The request has no token. The response contains no error code then.
    NoToken,
    /// The request has several tokens, or one that cannot be parsed.
    Request(OAuthError),
    /// The token is not valid.
    Token,
}

impl Bearer {
    /// Reads the only token of a request. Reads the body if it is a posted form.
    pub(crate) async fn from_request(request: Request, tenant: &Shared) -> Result<Self, Unauthorized> {
        let (parts, body) = request.into_parts();
        let in_header = read_header(&parts.headers)?;
        let in_query = Params::from_query(&parts.uri).map_err(Unauthorized::Request)?;
        let in_query = in_query.get_owned("access_token");
        let is_form = parts.method == Method::POST && media_type(&parts.headers) == FORM;
        let in_body = if is_form {
            let request = Request::from_parts(parts, body);
            let params = Params::from_body(request, tenant).await.map_err(Unauthorized::Request)?;
            params.get_owned("access_token")
        } else {
            None
        };
        let is_in_query = in_query.is_some();
        let mut tokens = [in_header, in_body, in_query].into_iter().flatten();
        match (tokens.next(), tokens.next()) {
            (Some(token), None) => Ok(Self { token, in_query: is_in_query }),
            (None, _) => Err(Unauthorized::NoToken),
            (Some(_), Some(_)) => {
                tracing::warn!(target: "audit", "a request with several tokens was refused");
                Err(invalid_request(
                    "expected one access token: in the Authorization header, in the form or in the query",
                ))
            }
        }
    }
}

/// Reads the token of the header. A header of another scheme has none.
fn read_header(headers: &HeaderMap) -> Result<Option<String>, Unauthorized> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        tracing::warn!(target: "audit", "a request with several tokens was refused");
        return Err(invalid_request("expected one Authorization header"));
    }
    let header = header.to_str().map_err(|_| invalid_request("the Authorization header is not text"))?.trim();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    match token.trim() {
        "" => Err(invalid_request("the Authorization header has no token")),
        token => Ok(Some(token.to_owned())),
    }
}

fn invalid_request(words: &str) -> Unauthorized {
    Unauthorized::Request(OAuthError::invalid_request(words))
}

/// A response that no cache stores, to a request with a token in its address.
///
/// Source: RFC 6750, 2.3.
pub(crate) fn forbid_caching(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

impl IntoResponse for Unauthorized {
    fn into_response(self) -> Response {
        let challenge = |value: &str| HeaderValue::from_str(value).ok();
        let (challenge, mut response) = match self {
            Self::NoToken => (
                challenge("Bearer realm=\"userinfo\""),
                (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
            ),
            Self::Token => (
                challenge(
                    "Bearer realm=\"userinfo\", error=\"invalid_token\", error_description=\"The access token is not valid\"",
                ),
                (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
            ),
            // The description may repeat text of the request, so it is not put into the
            // header.
            Self::Request(why) if why.status == StatusCode::BAD_REQUEST => {
                (challenge("Bearer realm=\"userinfo\", error=\"invalid_request\""), why.into_response())
            }
            Self::Request(why) => (None, why.into_response()),
        };
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
