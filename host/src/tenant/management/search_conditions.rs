//! The conditions of a user search, and testing whether a user meets them.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

/// The fields in which a term without a field is searched.
const DEFAULTS: [&str; 7] = ["email", "name", "nickname", "given_name", "family_name", "username", "user_id"];

/// A condition of a query, with its parts.
#[derive(Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// A test of the value at this path, or of the default fields if there is no path.
    Field(Option<String>, Test),
}

/// The test of a value.
#[derive(Debug)]
pub(super) enum Test {
    Exists,
    Is(Operand),
    /// The parts of a pattern between its asterisks, in lower case.
    Like(Vec<String>),
    /// The ends of a range. Each has the side on which values must lie, and whether it is itself
    /// included.
    Range(Vec<(Operand, Ordering, bool)>),
}

/// The value of a query that a user's value is compared with.
#[derive(Debug)]
pub(super) struct Operand {
    /// The text, in lower case.
    pub(super) text: String,
    /// The first and the last moment of the period that the text names, if it is a date.
    pub(super) period: Option<(Timestamp, Timestamp)>,
}

impl Condition {
    pub(super) fn matches(&self, user: &Value) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.matches(user)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.matches(user)),
            Self::Not(condition) => !condition.matches(user),
            Self::Field(None, test) => DEFAULTS.iter().any(|field| test.holds_at(field, user)),
            Self::Field(Some(field), test) => test.holds_at(field, user),
        }
    }
}

impl Test {
    /// Tests the value at a path. If the value on the way is an array, any of its items may match.
    /// The path `email.domain` is the part of the address after the `@`, as the user object has no
    /// such field.
    fn holds_at(&self, path: &str, value: &Value) -> bool {
        match (value, path.split_once('.').unwrap_or((path, ""))) {
            (Value::Array(items), _) => items.iter().any(|item| self.holds_at(path, item)),
            (Value::String(email), ("domain", "")) => {
                email.rsplit_once('@').is_some_and(|(_, domain)| self.holds(&domain.into()))
            }
            (_, ("", _)) => self.holds(value),
            (_, (key, rest)) => value.get(key).is_some_and(|inner| self.holds_at(rest, inner)),
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Exists => !value.is_null() && value.as_object().is_none_or(|fields| !fields.is_empty()),
            Self::Is(operand) => operand.order(value) == Some(Ordering::Equal),
            Self::Like(parts) => value.as_str().is_some_and(|text| matches_pattern(text, parts).is_some()),
            Self::Range(ends) => ends.iter().all(|(end, side, inclusive)| {
                end.order(value).is_some_and(|order| order == *side || (*inclusive && order.is_eq()))
            }),
        }
    }
}

impl Operand {
    /// Compares a value with this operand. Returns `None` if their types differ.
    fn order(&self, value: &Value) -> Option<Ordering> {
        match value {
            Value::String(text) => Some(match (self.period, text.parse::<Timestamp>()) {
                (Some((first, last)), Ok(time)) => time.cmp(&time.clamp(first, last)),
                _ => to_lowercase(text).cmp(&self.text),
            }),
            Value::Number(number) => match (number.as_i128(), self.text.parse::<i128>()) {
                (Some(number), Ok(operand)) => Some(number.cmp(&operand)),
                _ => number.as_f64()?.partial_cmp(&self.text.parse().ok()?),
            },
            Value::Bool(value) => (value.to_string() == self.text).then_some(Ordering::Equal),
            _ => None,
        }
    }
}

/// Returns `Some` if the text begins with the first part, ends with the last, and has the
/// others between them, in this order. Takes linear time.
fn matches_pattern(text: &str, parts: &[String]) -> Option<()> {
    let text = to_lowercase(text);
    let [first, between @ .., last] = parts else { return None };
    let inner = text.strip_prefix(first.as_str())?.strip_suffix(last.as_str())?;
    between.iter().try_fold(inner, |rest, part| Some(rest.split_once(part.as_str())?.1)).map(drop)
}

/// Returns the text in lower case. A letter outside ASCII never becomes an ASCII letter: in an
/// address, `İ` is not `i`.
pub(super) fn to_lowercase(text: &str) -> String {
    let lower = |c: char| c.to_lowercase().next().filter(|l| l.is_ascii() == c.is_ascii()).unwrap_or(c);
    text.chars().map(lower).collect()
}
