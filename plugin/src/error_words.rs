//! Errors of the host in words.

use crate::bindings::ApiError;

/// Describes an error of the host, in words that fit into a sentence.
pub(crate) fn error_words(error: &ApiError) -> String {
    match error {
        ApiError::Refused(why) => format!("the host refused, {why}"),
        ApiError::BudgetSpent(which) => format!("the login's budget is spent, {which}"),
        ApiError::NotFound(what) => format!("{what} is not there"),
        ApiError::AlreadyLinked(what) => format!("already linked, {what}"),
        ApiError::StateChanged(what) => format!("something changed meanwhile, {what}"),
        ApiError::RateLimited(Some(seconds)) => format!("the directory asks to wait {seconds} s"),
        ApiError::RateLimited(None) => "the directory asks to wait".to_owned(),
        ApiError::TimedOut => "the directory did not answer in time".to_owned(),
        ApiError::Unavailable(how) => format!("the directory is unavailable, {how}"),
        ApiError::TooMany(limit) => format!("more than {limit} accounts"),
        ApiError::Invalid(what) => format!("the request makes no sense, {what}"),
        ApiError::Other(what) => what.clone(),
    }
}
