//! The error responses of the Management API.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::model::{ApiError, mask_addresses};
use crate::tenant::admission::{FULL, Full};

/// A refusal, sent in the format of Auth0's error responses.
///
/// Source: auth0/go-auth0 and auth0/ruby-auth0, recordings of real answers.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tenant) struct Problem {
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) code: Option<&'static str>,
    /// Whether `attributes` repeats the message, as a bad token's refusal does.
    pub(super) with_attributes: bool,
}

/// The JSON body of a refusal.
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// The HTTP status.
    #[schema(rename = "statusCode")]
    #[serde(rename = "statusCode")]
    status_code: u16,
    /// The name of the HTTP status.
    error: &'static str,
    /// A message for people.
    message: String,
    /// A code for programs. Not every refusal has one.
    #[schema(rename = "errorCode")]
    #[serde(rename = "errorCode", skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    attributes: Option<Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl Into<String>, code: &'static str) -> Self {
        Self { status, message: message.into(), code: Some(code), with_attributes: false }
    }

    pub(super) fn bad(message: impl Into<String>, code: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message, code)
    }

    pub(super) fn uri(detail: impl Into<String>) -> Self {
        Self::bad(detail, "invalid_uri")
    }

    pub(super) fn query(detail: &str) -> Self {
        Self::bad(format!("Query validation error: '{detail}'."), "invalid_query_string")
    }

    pub(super) fn body(detail: &str) -> Self {
        Self::bad(format!("Payload validation error: '{detail}'."), "invalid_body")
    }

    /// Returns the refusal of an operation that is not supported. Auth0 documents such refusals
    /// with their messages, but without their code.
    pub(super) fn operation(message: &str) -> Self {
        Self::bad(message, "operation_not_supported")
    }

    pub(super) fn missing() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            message: "Missing authentication".to_owned(),
            code: None,
            with_attributes: false,
        }
    }

    pub(super) fn token(message: &str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            message: message.to_owned(),
            code: None,
            with_attributes: true,
        }
    }

    pub(super) fn scope(expected: &[&str]) -> Self {
        let message = format!("Insufficient scope, expected any of: {}", expected.join(","));
        Self::new(StatusCode::FORBIDDEN, message, "insufficient_scope")
    }

    pub(super) fn not_own() -> Self {
        let message = "User to be acted on does not match subject in bearer token.";
        Self::new(StatusCode::FORBIDDEN, message, "unowned_resource")
    }

    pub(super) fn blocked() -> Self {
        Self::new(StatusCode::FORBIDDEN, "The user is blocked.", "user_blocked")
    }

    pub(super) fn no_user() -> Self {
        Self::new(StatusCode::NOT_FOUND, "The user does not exist.", "inexistent_user")
    }

    pub(in crate::tenant) fn too_many() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Global limit has been reached", "too_many_requests")
    }

    /// Returns a refusal whose message is the name of its status.
    pub(in crate::tenant) fn plain(status: StatusCode) -> Self {
        Self {
            status,
            message: status.canonical_reason().unwrap_or("Error").to_owned(),
            code: None,
            with_attributes: false,
        }
    }
}

impl Problem {
    /// Returns the same refusal with another message.
    pub(in crate::tenant) fn with_message(self, message: String) -> Self {
        Self { message, ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            status_code: self.status.as_u16(),
            error: self.status.canonical_reason().unwrap_or("Error"),
            attributes: self.with_attributes.then(|| json!({ "error": self.message })),
            message: self.message,
            error_code: self.code,
        };
        (self.status, Json(body)).into_response()
    }
}

impl From<Full> for Problem {
    fn from(Full: Full) -> Self {
        Self::plain(StatusCode::SERVICE_UNAVAILABLE).with_message(FULL.to_owned())
    }
}

/// Converts an error of the directory, for endpoints without a refusal of their own for it.
impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        let text = mask_addresses(&text);
        match error {
            ApiError::NotFound(_) => Self::no_user(),
            ApiError::Invalid(_) => Self::body(&text),
            ApiError::AlreadyLinked(_) => {
                Self::new(StatusCode::CONFLICT, "Specified identity already exists.", "identity_exists")
            }
            ApiError::StateChanged(_) => {
                let message = "The user was changed by somebody else at the same time. Try again.";
                Self::new(StatusCode::CONFLICT, message, "conflict")
            }
            ApiError::RateLimited { .. } => Self::too_many(),
            other => {
                tracing::error!(error = %text, "the directory failed: {}", kind(&other));
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The directory is busy or does not answer. Try again later.",
                    "service_unavailable",
                )
            }
        }
    }
}

fn kind(error: &ApiError) -> &'static str {
    match error {
        ApiError::TimedOut => "timed out",
        ApiError::Unavailable(_) => "unavailable",
        _ => "other",
    }
}
