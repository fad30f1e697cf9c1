//! Whether what a plugin says keeps to the contract, in one place for all that
//! it can say: an outcome, a link request, a failure, and words about settings.
//!
//! An answer that somebody acts on is refused if it does not. A message that only tells
//! what went wrong (a failure, a settings error) is made to keep to it, because
//! it would be lost otherwise.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::failure::Failure;
use super::plugin::SettingsWarning;
use crate::limits::Limits;
use crate::model::{ApiError, Decision, Metadata, Outcome, Reason, Verdict, is_bidi_control, on_one_line};

/// How much a plugin may say: the limits that its words keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contract {
    text_bytes: usize,
    reasons: usize,
    users: usize,
    metadata_bytes: usize,
}

/// A reason's code, in bytes.
const CODE: usize = 64;

/// How deeply metadata that a link writes may be nested.
const DEPTH: usize = 64;

/// A message that is only told, in bytes.
const TOLD: usize = 1 << 10;

/// A name within a message, in bytes.
const NAME: usize = 100;

/// A message as people are told it: on one line, cut at 1 KiB.
pub(super) fn told(text: &str) -> String {
    on_one_line(text, TOLD)
}

/// A failure whose texts are fit to be told.
pub(super) fn failure(failure: Failure) -> Failure {
    match failure {
        Failure::Panicked(message) => Failure::Panicked(told(&message)),
        Failure::Trapped(how) => Failure::Trapped(told(&how)),
        Failure::InvalidAnswer(what) => Failure::InvalidAnswer(told(&what)),
        Failure::GaveUp(error) => Failure::GaveUp(error_told(error)),
        without_words => without_words,
    }
}

/// An error whose text is fit to be told.
pub(super) fn error_told(error: ApiError) -> ApiError {
    use ApiError as E;
    match error {
        E::Refused(why) => E::Refused(told(&why)),
        E::BudgetSpent(which) => E::BudgetSpent(told(&which)),
        E::NotFound(what) => E::NotFound(told(&what)),
        E::AlreadyLinked(what) => E::AlreadyLinked(told(&what)),
        E::StateChanged(what) => E::StateChanged(told(&what)),
        E::Unavailable(how) => E::Unavailable(told(&how)),
        E::Invalid(what) => E::Invalid(told(&what)),
        E::Other(what) => E::Other(told(&what)),
        without_words @ (E::RateLimited { .. } | E::TimedOut | E::TooMany(_)) => without_words,
    }
}

impl Contract {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.text_bytes,
            reasons: limits.reasons,
            users: limits.candidates as usize,
            metadata_bytes: limits.link_metadata_bytes,
        }
    }

    /// Whether an outcome may be believed, as far as its form tells.
    ///
    /// # Errors
    ///
    /// The fault.
    pub(super) fn outcome(self, outcome: &Outcome) -> Result<(), String> {
        if outcome.reasons.is_empty() {
            return Err("it gives no reason".to_owned());
        }
        self.check_reasons(&outcome.reasons)?;
        self.check_trace(&outcome.trace)?;
        if let Some(text) = &outcome.counterfactual {
            self.check_text(format_args!("the counterfactual"), text)?;
        }
        match &outcome.decision {
            Decision::Deny { message } => self.check_message(message),
            Decision::Suggest { candidates, .. } => self.check_candidates(candidates),
            Decision::Proceed | Decision::Linked { .. } => Ok(()),
        }
    }

    /// Whether these reasons may stand in an outcome or in the journal.
    ///
    /// # Errors
    ///
    /// The fault of the first that may not.
    pub(super) fn check_reasons(self, reasons: &[Reason]) -> Result<(), String> {
        self.check_count("reasons", reasons.len())?;
        reasons.iter().try_for_each(|reason| {
            check_code(&reason.code)?;
            let code = &reason.code;
            self.check_text(format_args!("the detail of `{code}`"), &reason.detail)?;
            let subjects = reason.subject.len();
            if subjects > self.users {
                return Err(format!("`{code}` is about {subjects} users; {}", self.most_users()));
            }
            Ok(())
        })
    }

    fn check_trace(self, trace: &[Verdict]) -> Result<(), String> {
        self.check_count("verdicts", trace.len())?;
        trace.iter().try_for_each(|Verdict { rule, verdict, evidence }| {
            let name = OnOneLine(rule);
            self.check_text(format_args!("the rule `{name}`"), rule)?;
            self.check_text(format_args!("the verdict of the rule `{name}`"), verdict)?;
            self.check_text(format_args!("the evidence of the rule `{name}`"), evidence)
        })
    }

    /// End users see the message: nothing in it may make it say something else.
    fn check_message(self, message: &str) -> Result<(), String> {
        self.check_text(format_args!("the message of `deny`"), message)?;
        match message.chars().find(|c| is_bidi_control(*c)) {
            Some(c) => Err(format!("the message of `deny` holds the bidi control {}", code_point(c))),
            None => Ok(()),
        }
    }

    fn check_candidates(self, candidates: &[String]) -> Result<(), String> {
        if candidates.is_empty() {
            return Err("it suggests nobody".to_owned());
        }
        if candidates.len() > self.users {
            return Err(format!("it suggests {} users; {}", candidates.len(), self.most_users()));
        }
        let mut suggested = BTreeSet::new();
        match candidates.iter().find(|id| !suggested.insert(*id)) {
            Some(twice) => Err(format!("it suggests `{}` twice", on_one_line(twice, NAME))),
            None => Ok(()),
        }
    }

    /// Metadata for a link to write. Measured before it is parsed.
    ///
    /// # Errors
    ///
    /// The reason why it cannot be written.
    pub(super) fn metadata(self, field: &str, text: &str) -> Result<Metadata, String> {
        let most = self.metadata_bytes;
        if text.len() > most {
            return Err(format!(
                "`{field}` is {} bytes long; a link writes at most {most} (the limit is `link_metadata_bytes`)",
                text.len()
            ));
        }
        let metadata: Metadata = serde_json::from_str(text).map_err(|error| {
            format!("`{field}` is not a JSON object: {}", on_one_line(&error.to_string(), 2 * NAME))
        })?;
        if metadata.values().any(|value| is_deeper_than(value, DEPTH - 1)) {
            return Err(format!("`{field}` is nested more than {DEPTH} levels deep"));
        }
        Ok(metadata)
    }

    /// Whether the warnings about a policy document may be told.
    ///
    /// # Errors
    ///
    /// The fault of the first that may not.
    pub(super) fn warnings(self, warnings: &[SettingsWarning]) -> Result<(), String> {
        self.check_count("warnings", warnings.len())?;
        warnings.iter().try_for_each(|SettingsWarning { key, attack, message }| {
            let name = on_one_line(key, NAME);
            self.check_text(format_args!("the key `{name}` of a warning"), key)?;
            self.check_text(
                format_args!("the attack of the warning about `{name}`"),
                attack.as_deref().unwrap_or_default(),
            )?;
            self.check_text(format_args!("the warning about `{name}`"), message)
        })
    }

    fn check_count(self, what: &str, count: usize) -> Result<(), String> {
        if count > self.reasons {
            let most = self.reasons;
            return Err(format!(
                "it gives {count} {what}; at most {most} are taken (the limit is `reasons`)"
            ));
        }
        Ok(())
    }

    fn check_text(self, what: fmt::Arguments, text: &str) -> Result<(), String> {
        if text.len() > self.text_bytes {
            let most = self.text_bytes;
            return Err(format!("{what} is longer than {most} bytes (the limit is `text_bytes`)"));
        }
        if is_plain_ascii(text) {
            return Ok(());
        }
        match text.chars().find(|c| c.is_control()) {
            Some(c) => Err(format!("{what} holds the control character {}", code_point(c))),
            None => Ok(()),
        }
    }

    fn most_users(self) -> String {
        format!("at most {} are taken (the limit is `candidates`)", self.users)
    }
}

/// Whether a text is of printable ASCII, as nearly all are. Without a branch a
/// byte, so that it is looked at many bytes at a time.
fn is_plain_ascii(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (byte.wrapping_sub(b' ') < b'\x7f' - b' '))
}

/// A name within a message, escaped when the message is written.
struct OnOneLine<'a>(&'a str);

impl fmt::Display for OnOneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&on_one_line(self.0, NAME))
    }
}

fn check_code(code: &str) -> Result<(), String> {
    let is_of_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if code.is_empty() || code.len() > CODE || !code.bytes().all(is_of_code) {
        let code = on_one_line(code, NAME);
        return Err(format!("the code `{code}` is not of capitals, digits and `_`, 1 to {CODE} of them"));
    }
    Ok(())
}

fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// Whether lists and objects are nested in each other deeper than that.
fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return false,
    };
    levels == 0 || inner.any(|value| is_deeper_than(value, levels - 1))
}

#[cfg(test)]
mod tests {
    use super::{Contract, error_told, failure};
    use crate::limits::Limits;
    use crate::model::ApiError;
    use crate::sandbox::{Failure, SettingsWarning};

    #[test]
    fn warnings_keep_to_the_contract() {
        let contract = Contract::of(&Limits::default());
        let warning = |key: &str, attack: &str, message: &str| SettingsWarning {
            key: key.to_owned(),
            attack: Some(attack.to_owned()),
            message: message.to_owned(),
        };
        assert_eq!(contract.warnings(&vec![warning("mode", "S-01", &"x".repeat(1024)); 100]), Ok(()));
        let wrong = |warnings: &[SettingsWarning]| contract.warnings(warnings).unwrap_err();
        assert_eq!(
            wrong(&[warning("a\u{1b}", "", "")]),
            "the key `a\\u{1b}` of a warning holds the control character U+001B"
        );
        assert_eq!(
            wrong(&[warning("mode", "\n", "")]),
            "the attack of the warning about `mode` holds the control character U+000A"
        );
        assert_eq!(
            wrong(&[warning("mode", "", &"x".repeat(1025))]),
            "the warning about `mode` is longer than 1024 bytes (the limit is `text_bytes`)"
        );
        assert_eq!(
            wrong(&vec![warning("mode", "", ""); 101]),
            "it gives 101 warnings; at most 100 are taken (the limit is `reasons`)"
        );
    }

    #[test]
    fn a_failure_is_told_on_one_line_whatever_it_is_of() {
        let text = "one\n\u{1b}[2J".repeat(200_000);
        let failures =
            [Failure::Panicked, Failure::Trapped, Failure::InvalidAnswer].map(|of| of(text.clone()));
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
        let errors = errors.map(|of| Failure::GaveUp(error_told(of(text.clone()))));
        for told in failures.into_iter().chain(errors).map(|it| failure(it).to_string()) {
            assert!(
                told.len() < 1_100 && told.contains("one\\n\\u{1b}[2J") && told.ends_with('…'),
                "{told:?}"
            );
            assert!(!told.chars().any(char::is_control));
        }
    }

    #[test]
    fn metadata_is_nested_64_levels_deep_at_most() {
        let contract = Contract::of(&Limits::default());
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(contract.metadata("user-metadata", &nested(64)).is_ok());
        for levels in [65, 127, 128, 5_000] {
            assert!(contract.metadata("user-metadata", &nested(levels)).is_err(), "{levels}");
        }
    }

    #[test]
    fn metadata_is_measured_to_the_byte() {
        let contract = Contract::of(&Limits { link_metadata_bytes: 9, ..Limits::default() });
        assert!(contract.metadata("user-metadata", r#"{"a":"b"}"#).is_ok());
        assert_eq!(
            contract.metadata("user-metadata", r#"{"a":"bc"}"#).unwrap_err(),
            "`user-metadata` is 10 bytes long; a link writes at most 9 (the limit is `link_metadata_bytes`)"
        );
    }
}
