//! A plugin's messages about what went wrong, shortened for people. Such a message
//! is cut rather than refused, because it would be lost otherwise.

use super::failure::Failure;
use crate::model::{ApiError, join_lines};

/// The longest message, in bytes.
const MESSAGE: usize = 1 << 10;

/// Puts a message on one line, and cuts it at 1 KiB.
pub(super) fn shorten(text: &str) -> String {
    join_lines(text, MESSAGE)
}

/// Shortens the message of a failure.
pub(super) fn shorten_failure(failure: Failure) -> Failure {
    match failure {
        Failure::Panicked(message) => Failure::Panicked(shorten(&message)),
        Failure::Trapped(how) => Failure::Trapped(shorten(&how)),
        Failure::InvalidAnswer(what) => Failure::InvalidAnswer(shorten(&what)),
        Failure::GaveUp(error) => Failure::GaveUp(shorten_error(error)),
        other => other,
    }
}

/// Shortens the message of an error.
pub(super) fn shorten_error(error: ApiError) -> ApiError {
    use ApiError as E;
    match error {
        E::Refused(why) => E::Refused(shorten(&why)),
        E::BudgetSpent(which) => E::BudgetSpent(shorten(&which)),
        E::NotFound(what) => E::NotFound(shorten(&what)),
        E::AlreadyLinked(what) => E::AlreadyLinked(shorten(&what)),
        E::StateChanged(what) => E::StateChanged(shorten(&what)),
        E::Unavailable(how) => E::Unavailable(shorten(&how)),
        E::Invalid(what) => E::Invalid(shorten(&what)),
        E::Other(what) => E::Other(shorten(&what)),
        other @ (E::RateLimited { .. } | E::TimedOut | E::TooMany(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{shorten_error, shorten_failure};
    use crate::model::ApiError;
    use crate::sandbox::Failure;

    #[test]
    fn every_failure_is_one_line() {
        let text = "one\n\u{1b}[2J".repeat(200_000);
        let failures =
            [Failure::Panicked, Failure::Trapped, Failure::InvalidAnswer].map(|new| new(text.clone()));
        let errors = [
            ApiError::Refused,
            ApiError::BudgetSpent,
            ApiError::NotFound,
            ApiError::AlreadyLinked,
            ApiError::StateChanged,
            ApiError::Unavailable,
            ApiError::Invalid,
            ApiError::Other,
        ];
        let errors = errors.map(|new| Failure::GaveUp(shorten_error(new(text.clone()))));
        for message in failures.into_iter().chain(errors).map(|it| shorten_failure(it).to_string()) {
            assert!(
                message.len() < 1_100 && message.contains("one\\n\\u{1b}[2J") && message.ends_with('…'),
                "{message:?}"
            );
            assert!(!message.chars().any(char::is_control));
        }
    }
}
