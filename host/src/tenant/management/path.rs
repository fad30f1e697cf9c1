//! The parameters of paths and queries.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::tenant::management::problem::Problem;
use crate::tenant::state::Shared;

/// A user's id, `provider|id`. The bar may be percent-encoded.
pub(super) struct UserId(pub(super) String);

impl UserId {
    /// Parses a user's id of a path; a malformed one is 400 `invalid_uri`.
    pub(super) fn parse(id: String) -> Result<Self, Problem> {
        let is_id = id.split_once('|').is_some_and(|(provider, id)| !provider.is_empty() && !id.is_empty())
            && !id.chars().any(char::is_control);
        if is_id {
            return Ok(Self(id));
        }
        Err(Problem::uri(format!("Object didn't pass validation for format user-id: {id}")))
    }
}

impl FromRequestParts<Shared> for UserId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, tenant: &Shared) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Id {
            id: String,
        }
        let Id { id } = read_path(Path::from_request_parts(parts, tenant).await)?;
        Self::parse(id)
    }
}

/// Returns the parameters of a path.
pub(super) fn read_path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(path)| path)
        .map_err(|error| Problem::uri(format!("Invalid request URI: {}", error.body_text())))
}

/// The extractor of query parameters. It refuses parameters that the endpoint does not take.
pub(super) struct ValidQuery<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for ValidQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, tenant: &Shared) -> Result<Self, Problem> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, tenant).await;
        let refused = |error: QueryRejection| {
            let text = error.body_text().replace('`', "");
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Problem::query(text)
        };
        query.map(|Query(query)| Self(query)).map_err(refused)
    }
}
