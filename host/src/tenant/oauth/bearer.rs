//! An access token that comes with a request: in the header, in a form or in
//! the query.
//!
//! Source: RFC 6750, 2 and 3.

use axum::extract::{FromRequest, Request};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::state::Shared;

/// A token as it came.
pub(crate) struct Bearer {
    pub(crate) token: String,
    /// Whether the address has it, which others may keep.
    pub(crate) in_query: bool,
}

/// The reason why a request with a token is not answered.
pub(crate) enum Unauthorized {
    /// There is none. Nothing is said of errors then.
    NoToken,
    /// Several tokens were sent, or the token cannot be read.
    Request(OAuthError),
    /// It is not taken.
    Token,
}

impl Bearer {
    /// The one token of a request. The body is read where it is a form that was
    /// posted.
    pub(crate) async fn of(request: Request, tenant: &Shared) -> Result<Self, Unauthorized> {
        let (parts, body) = request.into_parts();
        let in_header = in_header(&parts.headers)?;
        let query = parts.uri.query().unwrap_or_default();
        let in_query = Params::parse_form(query.as_bytes()).map_err(Unauthorized::Request)?;
        let in_query = in_query.owned("access_token");
        let is_form = parts.method == Method::POST && is_form(&parts.headers);
        let in_body = if is_form {
            let request = Request::from_parts(parts, body);
            let params = Params::from_request(request, tenant).await.map_err(Unauthorized::Request)?;
            params.owned("access_token")
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
                Err(bad(
                    "expected one access token: in the Authorization header, in the form or in the query",
                ))
            }
        }
    }
}

/// The token of the header. Another scheme than Bearer brings none.
fn in_header(headers: &HeaderMap) -> Result<Option<String>, Unauthorized> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        tracing::warn!(target: "audit", "a request with several tokens was refused");
        return Err(bad("expected one Authorization header"));
    }
    let header = header.to_str().map_err(|_| bad("the Authorization header is no text"))?.trim();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    match token.trim() {
        "" => Err(bad("the Authorization header has no token")),
        token => Ok(Some(token.to_owned())),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn bad(words: &str) -> Unauthorized {
    Unauthorized::Request(OAuthError::invalid_request(words))
}

/// An answer to a request whose token stood in its address.
///
/// Source: RFC 6750, 2.3.
pub(crate) fn kept_by_nobody(mut response: Response) -> Response {
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
            // The description may repeat what somebody has sent: it is not put
            // between quotes.
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
