//! The errors of the Authentication API.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde_json::json;

use crate::model::{ApiError, mask_addresses};
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::logins::prove::ProofError;
use crate::tenant::logins::second_factor::FactorError;
use crate::tenant::people::attempts;
use crate::tenant::people::message_limit::TooManyMessages;

/// Refuses an address that the policy could not compare.
pub(crate) const NOT_AN_ADDRESS: &str = "email: expected an address such as ada@example.com";

/// Refuses a mailed link that logs in, and that has expired.
pub(crate) const LINK_EXPIRED: &str =
    "This link has expired, or was used already. Go back to the application and request a new one.";

/// Refuses a link that verifies an address.
pub(crate) const VERIFICATION_USED: &str = "This link has expired, or was used already. If you have used it, your address is verified. Otherwise, go back to the application and request a new one.";

/// Refuses a link that sets a password.
pub(crate) const RESET_USED: &str = "This link has expired, or was used already. If you have used it, log in with your new password. Otherwise, go back to the application and request a new one.";

/// Refuses a form of a login that was sent before. A browser that sends a form twice shows only the second
/// response, although the first may have logged the user in.
pub(crate) const FORM_USED: &str =
    "This page was used already. Go back to the application: it shows whether you are logged in.";

/// The page of a link whose account is blocked.
pub(crate) const BLOCKED: &str = "This account is blocked, so that nothing was changed. Ask support.";

/// Tells that a reset succeeded.
pub(crate) const PASSWORD_CHANGED: &str = "Your password is changed. Go back to the application, or to the page that asked you to log in, and log in with it.";

/// A refusal, as OAuth 2.0 has it.
///
/// Source: RFC 6749, 5.2; the statuses are Auth0's (auth0/go-auth0, recordings).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OAuthError {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) description: String,
    /// The time for which every attempt is refused.
    pub(crate) wait: Option<Duration>,
}

impl OAuthError {
    pub(crate) fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), wait: None }
    }

    /// The error 400 `invalid_request` with this description.
    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// The error 403 `invalid_grant` with this description.
    pub(crate) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "invalid_grant", description)
    }

    /// The error 403 `access_denied` with this description.
    pub(crate) fn access_denied(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "access_denied", description)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "access_denied", "Unauthorized")
    }

    pub(crate) fn unauthorized_client(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "unauthorized_client", description)
    }

    pub(crate) fn busy() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many logins at a time. Try again in a moment.",
        )
    }

    pub(crate) fn too_many_attempts() -> Self {
        let description = "Your account has been blocked after multiple consecutive login attempts. Try again in ten minutes.";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", description);
        Self { wait: Some(attempts::WAIT), ..error }
    }
}

impl From<ProofError> for OAuthError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::NoPasswords(_) => Self::invalid_request(error.to_string()),
            ProofError::WrongPassword
            | ProofError::WrongMailedCode
            | ProofError::WrongPhoneCode
            | ProofError::CodeExhausted => Self::invalid_grant(error.to_string()),
            ProofError::TooManyAttempts => Self::too_many_attempts(),
            ProofError::Busy => Self::busy(),
            ProofError::Directory(error) => unavailable(error),
        }
    }
}

impl From<TooManyMessages> for OAuthError {
    fn from(TooManyMessages { wait }: TooManyMessages) -> Self {
        let time = match round_up(wait, 60) {
            0 | 1 => "a minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        };
        let description = format!("Too many messages were requested. Nothing was sent. Try again in {time}.");
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", description);
        Self { wait: Some(wait), ..error }
    }
}

/// Returns how many times this many seconds pass until a time is over.
fn round_up(time: Duration, seconds: u64) -> u64 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    whole.div_ceil(seconds)
}

impl From<FactorError> for OAuthError {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::Wrong | FactorError::Exhausted => Self::invalid_grant(error.to_string()),
            FactorError::TooManyAttempts => Self::too_many_attempts(),
            FactorError::Directory(error) => unavailable(error),
        }
    }
}

impl From<NotLoggedIn> for OAuthError {
    fn from(why: NotLoggedIn) -> Self {
        match why {
            NotLoggedIn::Denied(message) => Self::access_denied(message),
            // Source: Auth0, "Authenticate with Resource Owner Password Grant and MFA".
            NotLoggedIn::LacksSecondFactor => {
                Self::new(StatusCode::FORBIDDEN, "mfa_required", "Multifactor authentication required")
            }
            NotLoggedIn::Blocked => Self::new(StatusCode::FORBIDDEN, "unauthorized", "user is blocked"),
            NotLoggedIn::Gone => Self::invalid_grant("The account no longer exists. Log in again."),
            NotLoggedIn::Revoked => Self::invalid_grant(
                "The password, the address or the account was changed since this login began. Log in again.",
            ),
            NotLoggedIn::Failed(_) => Self::temporarily_unavailable(),
        }
    }
}

impl OAuthError {
    pub(crate) fn temporarily_unavailable() -> Self {
        let description = "The login could not be completed. Please try again later.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description)
    }
}

impl OAuthError {
    /// Returns the header `Retry-After`, in seconds, for an error that refuses every attempt until
    /// then.
    pub(crate) fn retry_after(&self) -> Option<[(HeaderName, u64); 1]> {
        self.wait.map(|wait| [(RETRY_AFTER, round_up(wait, 1))])
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let retry_after = self.retry_after();
        let body = Json(json!({ "error": self.error, "error_description": self.description }));
        (self.status, retry_after.map(AppendHeaders), body).into_response()
    }
}

/// A refusal as the endpoints of databases have it.
///
/// Source: auth0-js, which reads `code` and `description`.
pub(crate) struct DatabaseError(pub(crate) OAuthError);

impl From<OAuthError> for DatabaseError {
    fn from(why: OAuthError) -> Self {
        Self(why)
    }
}

impl IntoResponse for DatabaseError {
    fn into_response(self) -> Response {
        let retry_after = self.0.retry_after();
        let OAuthError { status, error, description, .. } = self.0;
        let body = json!({
            "name": "BadRequestError", "code": error, "description": description, "statusCode": status.as_u16(),
        });
        (status, retry_after.map(AppendHeaders), Json(body)).into_response()
    }
}

/// Too many requests.
pub(crate) fn too_many() -> Response {
    OAuthError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Rate limit exceeded.")
        .into_response()
}

/// Logs a failure of the directory, and returns the refusal for it.
pub(crate) fn unavailable(error: ApiError) -> OAuthError {
    tracing::error!(error = %mask_addresses(&error.to_string()), "the directory failed");
    OAuthError::temporarily_unavailable()
}
