//! The limits of everything that a plugin returns and that something depends on:
//! an outcome, a link request, warnings about settings. An answer beyond them is
//! refused.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::settings::SettingsWarning;
use crate::limits::Limits;
use crate::model::{Decision, Metadata, Outcome, Reason, RuleVerdict, is_bidi_control, join_lines};

/// The limits of what a plugin returns.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerLimits {
    text_bytes: usize,
    reasons: usize,
    users: usize,
    metadata_bytes: usize,
}

/// The longest code of a reason, in bytes.
const CODE: usize = 64;

/// The deepest nesting of metadata that a link writes.
const DEPTH: usize = 64;

/// The length to which a message shortens a name, in bytes.
const NAME: usize = 100;

impl AnswerLimits {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            text_bytes: limits.text_bytes,
            reasons: limits.reasons,
            users: limits.candidates as usize,
            metadata_bytes: limits.link_metadata_bytes,
        }
    }

    /// Checks the form of an outcome. The guard checks whether it is true.
    ///
    /// # Errors
    ///
    /// The fault, in words.
    pub(super) fn check_outcome(self, outcome: &Outcome) -> Result<(), String> {
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

    /// Checks the reasons of an outcome or of a link.
    ///
    /// # Errors
    ///
    /// The first fault, in words.
    pub(super) fn check_reasons(self, reasons: &[Reason]) -> Result<(), String> {
        self.check_count("reasons", reasons.len())?;
        reasons.iter().try_for_each(|reason| {
            check_code(&reason.code)?;
            let code = &reason.code;
            self.check_text(format_args!("the detail of `{code}`"), &reason.detail)?;
            let subjects = reason.subject.len();
            if subjects > self.users {
                return Err(format!("`{code}` is about {subjects} users; {}", self.describe_most_users()));
            }
            Ok(())
        })
    }

    fn check_trace(self, trace: &[RuleVerdict]) -> Result<(), String> {
        self.check_count("verdicts", trace.len())?;
        trace.iter().try_for_each(|RuleVerdict { rule, verdict, evidence }| {
            let name = OnOneLine(rule);
            self.check_text(format_args!("the rule `{name}`"), rule)?;
            self.check_text(format_args!("the verdict of the rule `{name}`"), verdict)?;
            self.check_text(format_args!("the evidence of the rule `{name}`"), evidence)
        })
    }

    /// End users see the message, so it may not hold characters that change its
    /// appearance.
    fn check_message(self, message: &str) -> Result<(), String> {
        self.check_text(format_args!("the message of `deny`"), message)?;
        match message.chars().find(|c| is_bidi_control(*c)) {
            Some(c) => Err(format!("the message of `deny` holds the bidi control {}", code_point(c))),
            None => Ok(()),
        }
    }

    fn check_candidates(self, candidates: &[String]) -> Result<(), String> {
        if candidates.is_empty() {
            return Err("it suggests no user".to_owned());
        }
        if candidates.len() > self.users {
            return Err(format!("it suggests {} users; {}", candidates.len(), self.describe_most_users()));
        }
        let mut suggested = BTreeSet::new();
        match candidates.iter().find(|id| !suggested.insert(*id)) {
            Some(twice) => Err(format!("it suggests `{}` twice", join_lines(twice, NAME))),
            None => Ok(()),
        }
    }

    /// Parses the metadata that a link writes. Its length is checked first.
    ///
    /// # Errors
    ///
    /// The reason why it cannot be written, in words.
    pub(super) fn parse_metadata(self, field: &str, text: &str) -> Result<Metadata, String> {
        let most = self.metadata_bytes;
        if text.len() > most {
            return Err(format!(
                "`{field}` is {} bytes long; a link writes at most {most} (the limit is `link_metadata_bytes`)",
                text.len()
            ));
        }
        let metadata: Metadata = serde_json::from_str(text).map_err(|error| {
            format!("`{field}` is not a JSON object: {}", join_lines(&error.to_string(), 2 * NAME))
        })?;
        if metadata.values().any(|value| is_deeper_than(value, DEPTH - 1)) {
            return Err(format!("`{field}` is nested more than {DEPTH} levels deep"));
        }
        Ok(metadata)
    }

    /// Checks the warnings about a policy document.
    ///
    /// # Errors
    ///
    /// The first fault, in words.
    pub(super) fn check_warnings(self, warnings: &[SettingsWarning]) -> Result<(), String> {
        self.check_count("warnings", warnings.len())?;
        warnings.iter().try_for_each(|SettingsWarning { key, attack, message }| {
            let name = join_lines(key, NAME);
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
                "it gives {count} {what}; at most {most} are accepted (the limit is `reasons`)"
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

    fn describe_most_users(self) -> String {
        format!("at most {} are accepted (the limit is `candidates`)", self.users)
    }
}

/// Returns whether a text is printable ASCII, as nearly all are. Without a branch
/// per byte, so that the compiler can vectorise the loop.
fn is_plain_ascii(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (byte.wrapping_sub(b' ') < b'\x7f' - b' '))
}

/// A name within a message. It is escaped only if the message is written.
struct OnOneLine<'a>(&'a str);

impl fmt::Display for OnOneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join_lines(self.0, NAME))
    }
}

fn check_code(code: &str) -> Result<(), String> {
    let is_code_byte = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if code.is_empty() || code.len() > CODE || !code.bytes().all(is_code_byte) {
        let code = join_lines(code, NAME);
        return Err(format!("the code `{code}` is not 1 to {CODE} capitals, digits and `_`"));
    }
    Ok(())
}

fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// Returns whether lists and objects are nested deeper than `levels`.
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
    use super::AnswerLimits;
    use crate::limits::Limits;
    use crate::sandbox::SettingsWarning;

    #[test]
    fn warnings_keep_to_the_contract() {
        let limits = AnswerLimits::new(&Limits::default());
        let warning = |key: &str, attack: &str, message: &str| SettingsWarning {
            key: key.to_owned(),
            attack: Some(attack.to_owned()),
            message: message.to_owned(),
        };
        assert_eq!(limits.check_warnings(&vec![warning("mode", "S-01", &"x".repeat(1024)); 100]), Ok(()));
        let wrong = |warnings: &[SettingsWarning]| limits.check_warnings(warnings).unwrap_err();
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
            "it gives 101 warnings; at most 100 are accepted (the limit is `reasons`)"
        );
    }

    #[test]
    fn metadata_is_nested_64_levels_deep_at_most() {
        let limits = AnswerLimits::new(&Limits::default());
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(limits.parse_metadata("user-metadata", &nested(64)).is_ok());
        for levels in [65, 127, 128, 5_000] {
            assert!(limits.parse_metadata("user-metadata", &nested(levels)).is_err(), "{levels}");
        }
    }

    #[test]
    fn metadata_is_measured_to_the_byte() {
        let limits = AnswerLimits::new(&Limits { link_metadata_bytes: 9, ..Limits::default() });
        assert!(limits.parse_metadata("user-metadata", r#"{"a":"b"}"#).is_ok());
        assert_eq!(
            limits.parse_metadata("user-metadata", r#"{"a":"bc"}"#).unwrap_err(),
            "`user-metadata` is 10 bytes long; a link writes at most 9 (the limit is `link_metadata_bytes`)"
        );
    }
}
