//! The errors of calls of the Management API.

use std::fmt;
use std::time::Duration;

use crate::model::ApiError;

/// The reason why a call of the Management API failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The kind of failure.
    pub kind: CallErrorKind,
    /// The id that the request carried as `X-Correlation-ID`. Auth0's log shows it.
    pub correlation_id: Option<String>,
}

/// The kinds of failures of a call. Their texts are single lines without control
/// characters, of a bounded length, and contain no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallErrorKind {
    /// The request was not sent, so it has no effect. Holds the cause.
    NotSent(String),
    /// The tenant, or the limiter in front of it, allows no further request now. The
    /// request has no effect.
    RateLimited {
        /// The time to wait, if it is known.
        retry_after: Option<Duration>,
    },
    /// The time limit has passed.
    TimedOut {
        /// Whether the request was sent, and may have had an effect.
        may_have_effect: bool,
    },
    /// The connection broke before the answer was whole, or the answer is 408 or 5xx other
    /// than 501. The request may have had an effect. Holds the cause.
    Unclear(String),
    /// The tenant refuses the request, which has no effect: 501, 3xx, or 4xx other than
    /// 408 and 429.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Auth0's `errorCode`, or `error` of OAuth.
        error_code: Option<String>,
        /// The cause, as a sentence part for people.
        message: String,
    },
    /// The answer has a status of success, and its body is not the JSON that Auth0
    /// documents. The request may have had an effect. Holds the cause.
    Unreadable(String),
    /// The answer has a status of success, and is longer than 2 MiB. The request may have
    /// had an effect.
    TooLong,
}

impl CallError {
    /// Returns whether the request may have had an effect. After such an error of a
    /// change, the caller reads the user before it decides how to go on.
    #[must_use]
    pub fn may_have_effect(&self) -> bool {
        match self.kind {
            CallErrorKind::TimedOut { may_have_effect } => may_have_effect,
            CallErrorKind::Unclear(_) | CallErrorKind::Unreadable(_) | CallErrorKind::TooLong => true,
            CallErrorKind::NotSent(_) | CallErrorKind::RateLimited { .. } | CallErrorKind::Refused { .. } => {
                false
            }
        }
    }

    /// Returns whether the tenant has no such user, role or organization.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self.kind, CallErrorKind::Refused { status: 404, .. })
    }

    /// Returns the error as a directory reports it. A user that does not exist becomes
    /// [`ApiError::Other`] here, because the error does not know which one it is: see
    /// [`into_api_error_of`](Self::into_api_error_of).
    #[must_use]
    pub fn into_api_error(self) -> ApiError {
        let sentence = self.to_string();
        match self.kind {
            CallErrorKind::RateLimited { retry_after } => {
                let retry_after_s = retry_after.map(whole_seconds);
                ApiError::RateLimited { retry_after_s, correlation_id: self.correlation_id }
            }
            CallErrorKind::TimedOut { .. } => ApiError::TimedOut,
            CallErrorKind::Refused { status: 400, .. } => ApiError::Invalid(sentence),
            CallErrorKind::Refused { status: 409, .. } => ApiError::StateChanged(sentence),
            CallErrorKind::Refused { status: 404, .. } => ApiError::Other(sentence),
            CallErrorKind::NotSent(_)
            | CallErrorKind::Unclear(_)
            | CallErrorKind::Refused { .. }
            | CallErrorKind::Unreadable(_)
            | CallErrorKind::TooLong => ApiError::Unavailable(sentence),
        }
    }

    /// Returns the error of a call about this user: [`ApiError::NotFound`] if the tenant
    /// does not have it.
    #[must_use]
    pub fn into_api_error_of(self, user_id: &str) -> ApiError {
        if self.is_not_found() { ApiError::NotFound(user_id.to_owned()) } else { self.into_api_error() }
    }
}

/// Rounds up, so that the next request is not too early.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            CallErrorKind::NotSent(why) => f.write_str(why)?,
            CallErrorKind::RateLimited { retry_after: Some(time) } => {
                write!(f, "the tenant's rate limit is reached; wait {} s", whole_seconds(*time))?;
            }
            CallErrorKind::RateLimited { retry_after: None } => {
                f.write_str("the tenant's rate limit is reached")?;
            }
            CallErrorKind::TimedOut { .. } => f.write_str("the tenant did not answer in time")?,
            CallErrorKind::Unclear(why) | CallErrorKind::Unreadable(why) => f.write_str(why)?,
            CallErrorKind::TooLong => f.write_str("the tenant's answer is longer than 2 MiB")?,
            CallErrorKind::Refused { status, error_code, message } => {
                write!(f, "{message} (status {status}")?;
                if let Some(code) = error_code {
                    write!(f, ", {code}")?;
                }
                f.write_str(")")?;
            }
        }
        match &self.correlation_id {
            Some(id) => write!(f, " [correlation id {id}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CallError, CallErrorKind};
    use crate::model::ApiError;

    fn error(kind: CallErrorKind) -> CallError {
        CallError { kind, correlation_id: Some("c-1".to_owned()) }
    }

    fn refused(status: u16) -> CallError {
        let (error_code, message) = (Some("a_code".to_owned()), "no".to_owned());
        error(CallErrorKind::Refused { status, error_code, message })
    }

    #[test]
    fn an_error_says_whether_the_request_may_have_had_an_effect() {
        let effects = [
            (CallErrorKind::NotSent(String::new()), false),
            (CallErrorKind::RateLimited { retry_after: None }, false),
            (CallErrorKind::TimedOut { may_have_effect: false }, false),
            (CallErrorKind::TimedOut { may_have_effect: true }, true),
            (CallErrorKind::Unclear(String::new()), true),
            (CallErrorKind::Unreadable(String::new()), true),
            (CallErrorKind::TooLong, true),
        ];
        for (kind, effect) in effects {
            assert_eq!(error(kind.clone()).may_have_effect(), effect, "{kind:?}");
        }
        assert!(!refused(409).may_have_effect());
    }

    #[test]
    fn an_error_becomes_that_of_a_directory() {
        let sentence = |status| format!("no (status {status}, a_code) [correlation id c-1]");
        assert_eq!(refused(400).into_api_error(), ApiError::Invalid(sentence(400)));
        assert_eq!(refused(403).into_api_error(), ApiError::Unavailable(sentence(403)));
        assert_eq!(refused(404).into_api_error(), ApiError::Other(sentence(404)));
        assert_eq!(refused(409).into_api_error(), ApiError::StateChanged(sentence(409)));
        assert_eq!(refused(404).into_api_error_of("auth0|1"), ApiError::NotFound("auth0|1".to_owned()));
        assert_eq!(refused(403).into_api_error_of("auth0|1"), ApiError::Unavailable(sentence(403)));
        let limited = error(CallErrorKind::RateLimited { retry_after: Some(Duration::from_millis(1_001)) });
        let limited = limited.into_api_error();
        let correlation_id = Some("c-1".to_owned());
        assert_eq!(limited, ApiError::RateLimited { retry_after_s: Some(2), correlation_id });
        assert_eq!(
            limited.to_sentence(),
            "the directory asks for fewer calls; wait 2 s [correlation id c-1]"
        );
        let late = error(CallErrorKind::TimedOut { may_have_effect: true });
        assert_eq!(late.into_api_error(), ApiError::TimedOut);
        let documented = format!("| `{}` |", ApiError::TimedOut.to_sentence());
        assert!(include_str!("../../../docs/auth0.md").contains(&documented), "{documented}");
    }
}
