//! The errors of host calls, which are those of the directories too.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The reason why a host call failed. JSON uses the names of WIT: `"timed-out"`, or
/// an object with one key: `{"rate-limited": {"retry_after_s": 30}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApiError {
    /// The guard forbids the call in this login. Holds the reason.
    Refused(String),
    /// The login's budget of such calls is spent. Holds its name and its size.
    BudgetSpent(String),
    /// The user does not exist. Holds its id.
    NotFound(String),
    /// The identity already belongs to a user. Holds which one.
    AlreadyLinked(String),
    /// A user changed between look-up and link. Holds what changed.
    StateChanged(String),
    /// The directory limits the rate of calls.
    RateLimited {
        /// Seconds to wait, if the directory states them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
        /// The id by which a tenant's log names the request, if it has one. Plugins and
        /// recordings do not get it.
        #[serde(skip)]
        correlation_id: Option<String>,
    },
    /// The directory did not answer in time.
    TimedOut,
    /// The directory could not be reached, or failed. Holds the cause.
    Unavailable(String),
    /// More users have this address than are returned. Holds the limit.
    TooMany(u32),
    /// The arguments are invalid. Holds which one and why.
    Invalid(String),
    /// Any other error, as a message.
    Other(String),
}

impl ApiError {
    /// Returns the error as a sentence for people, without the name of its kind.
    #[must_use]
    pub fn to_sentence(&self) -> String {
        match self {
            Self::Refused(why)
            | Self::AlreadyLinked(why)
            | Self::StateChanged(why)
            | Self::Unavailable(why)
            | Self::Invalid(why)
            | Self::Other(why) => why.clone(),
            // For a user, the text is the id alone.
            Self::NotFound(what) if what.starts_with("the journal ") => what.clone(),
            Self::NotFound(user_id) => format!("there is no user {user_id}"),
            Self::RateLimited { retry_after_s, correlation_id } => {
                let wait = retry_after_s.map(|seconds| format!("; wait {seconds} s")).unwrap_or_default();
                let id =
                    correlation_id.as_ref().map(|id| format!(" [correlation id {id}]")).unwrap_or_default();
                format!("the directory asks for fewer calls{wait}{id}")
            }
            Self::TimedOut => "the directory did not answer in time".to_owned(),
            Self::BudgetSpent(_) | Self::TooMany(_) => self.to_string(),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::BudgetSpent(which) => write!(f, "budget spent: {which}"),
            Self::NotFound(what) => write!(f, "not found: {what}"),
            Self::AlreadyLinked(what) => write!(f, "already linked: {what}"),
            Self::StateChanged(what) => write!(f, "state changed: {what}"),
            Self::RateLimited { retry_after_s: Some(seconds), .. } => {
                write!(f, "rate-limited: wait {seconds} s")
            }
            Self::RateLimited { retry_after_s: None, .. } => f.write_str("rate-limited"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Unavailable(how) => write!(f, "unavailable: {how}"),
            Self::TooMany(limit) => write!(f, "more than {limit} users"),
            Self::Invalid(what) => write!(f, "invalid: {what}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ApiError {}
