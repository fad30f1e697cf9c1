//! The responses to requests that are not decided.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::request_limits::{BODY_BYTES, WINDOW};
use crate::decide::OnFailure;

/// The header that says what the Action has to do with a login that is not decided.
const ON_FAILURE: HeaderName = HeaderName::from_static("x-ligature-on-failure");

/// The reason why a request is not decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestRefusal {
    #[error("the request is not signed: it has no header {0}")]
    NotSigned(&'static str),
    #[error("the header x-ligature-signature is malformed; expected `v1=` and 64 hexadecimal digits")]
    SignatureMalformed,
    #[error(
        "the header x-ligature-timestamp is malformed; expected whole seconds since 1970{}",
        if *is_millis { ", not milliseconds" } else { "" }
    )]
    TimestampMalformed { is_millis: bool },
    #[error(
        "the signature matches no secret of this service: set LIGATURE_SECRET of the Action to the content of \
         --secret-file; the signed text is the header x-ligature-timestamp, a full stop, and the body, byte for byte"
    )]
    SignatureWrong,
    #[error(
        "the time stamp is {seconds} s {} the clock of this service; at most {} s are allowed: correct the clock \
         of the sender or of this machine",
        if *is_ahead { "ahead of" } else { "behind" },
        WINDOW.as_secs()
    )]
    ClockOff { is_ahead: bool, seconds: u64 },
    #[error("this request was accepted before; sign each request again")]
    Replayed,
    #[error("the service remembers as many signatures as it can; try again later")]
    TooManySignatures,
    #[error("the service decides as many logins as it can; try again later")]
    QueueFull,
    #[error("the body is larger than {} bytes", BODY_BYTES)]
    BodyTooLarge,
    #[error("the service reads as many bodies as it can; try again later")]
    BodiesFull,
    #[error("the body did not arrive in time")]
    BodySlow,
    #[error("the body could not be read")]
    BodyBroken,
    #[error("the body is not a post-login event: {why}")]
    EventInvalid {
        why: String,
        /// The id of the login's user, if it can be read.
        user: Option<String>,
    },
    #[error("there is no such path; a post-login Action asks POST /v1/auth0/post-login")]
    NotFound,
    #[error("this path has another method; a post-login Action asks POST /v1/auth0/post-login")]
    MethodNotAllowed,
    #[error("the service failed; its log says why")]
    Failed,
}

impl RequestRefusal {
    /// Returns the stable code for programs.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NotSigned(_) => "not_signed",
            Self::SignatureMalformed => "signature_malformed",
            Self::TimestampMalformed { .. } => "timestamp_malformed",
            Self::SignatureWrong => "signature_wrong",
            Self::ClockOff { .. } => "clock_off",
            Self::Replayed => "replayed",
            Self::TooManySignatures => "too_many_signatures",
            Self::QueueFull => "queue_full",
            Self::BodyTooLarge => "body_too_large",
            Self::BodiesFull => "bodies_full",
            Self::BodySlow => "body_slow",
            Self::BodyBroken => "body_broken",
            Self::EventInvalid { .. } => "event_invalid",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Failed => "failed",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotSigned(_)
            | Self::SignatureMalformed
            | Self::TimestampMalformed { .. }
            | Self::SignatureWrong
            | Self::ClockOff { .. }
            | Self::Replayed => StatusCode::UNAUTHORIZED,
            Self::TooManySignatures | Self::QueueFull | Self::BodiesFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodySlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken | Self::EventInvalid { .. } => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns whether somebody without a secret can bring the refusal about.
    pub(super) fn is_of_strangers(&self) -> bool {
        match self {
            Self::NotSigned(_)
            | Self::SignatureMalformed
            | Self::TimestampMalformed { .. }
            | Self::SignatureWrong
            | Self::ClockOff { .. }
            | Self::Replayed
            | Self::BodyTooLarge
            | Self::BodiesFull
            | Self::BodySlow
            | Self::BodyBroken
            | Self::NotFound
            | Self::MethodNotAllowed => true,
            Self::TooManySignatures | Self::QueueFull | Self::EventInvalid { .. } | Self::Failed => false,
        }
    }

    /// Returns the user of the login that is not decided, if it is known.
    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Self::EventInvalid { user, .. } => user.as_deref(),
            _ => None,
        }
    }

    /// Returns the response to a request of the Action. It says if the login is to be denied:
    /// otherwise, a user could avoid a denial by an event that cannot be read.
    pub(super) fn into_response_of_action(self, on_failure: OnFailure) -> Response {
        let mut response = self.into_response();
        if let OnFailure::Deny = on_failure {
            response.headers_mut().insert(ON_FAILURE, HeaderValue::from_static("deny"));
        }
        response
    }

    /// Returns whether the rest of the body may still arrive: it would be read as the next
    /// request.
    fn ends_connection(&self) -> bool {
        matches!(self, Self::BodyTooLarge | Self::BodiesFull | Self::BodySlow | Self::BodyBroken)
    }
}

impl IntoResponse for RequestRefusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let message: Cow<'static, str> = self.to_string().into();
        let mut response =
            (status, Json(json!({ "error": self.code(), "message": message }))).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, HeaderValue::from_static("1")),
            // Source: RFC 9110, 15.5.2: a 401 names a scheme.
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Ligature-HMAC-SHA256"))
            }
            _ => None,
        };
        if self.ends_connection() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
