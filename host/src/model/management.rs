//! What a login asks of the Management API, whatever stands behind it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LinkRequest, Metadata, User};

/// The host calls of one login.
///
/// # Errors
///
/// Every method answers with an [`ApiError`] where it does not do as asked;
/// nothing has changed then.
pub trait ManagementApi: Any + Send {
    /// Every user but the login's own whose root `email` is this address: in
    /// whatever case its ASCII letters are, if the directory ignores case.
    fn find_by_email(&mut self, email: &str) -> Result<Vec<Arc<User>>, ApiError>;

    /// Whether [`ManagementApi::find_by_email`] finds an address whatever the
    /// case of its ASCII letters. No look-up, so it costs none.
    fn ignores_case(&mut self) -> bool;

    /// One user by id.
    fn get(&mut self, user_id: &str) -> Result<Arc<User>, ApiError>;

    /// The login's event, as a plugin may see it.
    fn event_context(&mut self) -> Metadata;

    /// The login's own user, or one that a look-up has returned, as it was
    /// last shown to the plugin.
    fn shown(&mut self, user_id: &str) -> Result<Arc<User>, ApiError>;

    /// Links two users and writes the metadata, together or not at all. Returns
    /// the primary as it is now.
    fn link(&mut self, request: LinkRequest) -> Result<Arc<User>, ApiError>;

    /// Answers a request to link these two users that was not understood, or
    /// that breaks the contract, and writes down why.
    fn reject_link(&mut self, primary: &str, secondary: &str, why: String) -> ApiError;
}

/// Why a host call did not do as asked. In JSON as in WIT: `"timed-out"`, or
/// one key with what belongs to it: `{"rate-limited": {"retry_after_s": 30}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApiError {
    /// The guard forbids it in this login; why.
    Refused(String),
    /// The login's budget of such calls is spent; which, and how large.
    BudgetSpent(String),
    /// There is no such user.
    NotFound(String),
    /// The identity already belongs to a user.
    AlreadyLinked(String),
    /// A user changed between look-up and link; what did.
    StateChanged(String),
    /// The directory asks for fewer calls.
    RateLimited {
        /// Seconds to wait, if it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
    },
    /// The directory did not answer in time.
    TimedOut,
    /// The directory could not be reached or failed; how.
    Unavailable(String),
    /// More users have this address than are passed on; the limit.
    TooMany(u32),
    /// The arguments make no sense; which and why.
    Invalid(String),
    /// Anything else, in words.
    Other(String),
}

impl ApiError {
    /// The error as a sentence for people, who need no name of its kind.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Refused(why)
            | Self::AlreadyLinked(why)
            | Self::StateChanged(why)
            | Self::Invalid(why)
            | Self::Other(why) => why.clone(),
            // Of a user, it is the id alone.
            Self::NotFound(what) if what.starts_with("the journal ") => what.clone(),
            Self::NotFound(user_id) => format!("there is no user {user_id}"),
            Self::RateLimited { retry_after_s: Some(seconds) } => {
                format!("the directory asks for fewer calls; wait {seconds} s")
            }
            Self::RateLimited { retry_after_s: None } => "the directory asks for fewer calls".to_owned(),
            Self::TimedOut => "the directory did not answer in time".to_owned(),
            Self::Unavailable(_) | Self::BudgetSpent(_) | Self::TooMany(_) => self.to_string(),
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
            Self::RateLimited { retry_after_s: Some(seconds) } => write!(f, "rate-limited: wait {seconds} s"),
            Self::RateLimited { retry_after_s: None } => f.write_str("rate-limited"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Unavailable(how) => write!(f, "unavailable: {how}"),
            Self::TooMany(limit) => write!(f, "more than {limit} users"),
            Self::Invalid(what) => write!(f, "invalid: {what}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ApiError {}
