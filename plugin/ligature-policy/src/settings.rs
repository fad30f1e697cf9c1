//! The policy document.

mod nearest;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{ApiError, SettingsError, Warning};

/// A policy document, a JSON object: a serde type.
///
/// It is kept in a static, so that it is `Send` and `Sync`, as types of plain values are.
///
/// Give the type `#[serde(deny_unknown_fields, default)]`. Without the first,
/// a misspelt key is no error and its default holds unnoticed; without the
/// second, a document has to name every key.
///
/// ```
/// use ligature_policy::{Invalid, Settings};
///
/// #[derive(serde::Deserialize, Default)]
/// #[serde(deny_unknown_fields, default)]
/// struct MySettings {
///     domains: Vec<String>,
/// }
///
/// impl Settings for MySettings {
///     fn schema() -> String {
///         r#"{"type": "object", "properties": {"domains": {"type": "array", "items": {"type": "string"}}}}"#.into()
///     }
///
///     fn check(&self) -> Result<(), Invalid> {
///         match self.domains.iter().find(|domain| !domain.contains('.')) {
///             Some(domain) => Err(Invalid::new("domains", format!("`{domain}` is no domain"))),
///             None => Ok(()),
///         }
///     }
/// }
///
/// let error = MySettings::read_and_check("{\n  \"domain\": []\n}").err().unwrap();
/// assert_eq!((error.line, error.column), (2, 10));
/// assert_eq!(error.message, "unknown field `domain`, expected `domains`; did you mean `domains`?");
/// let error = MySettings::read_and_check("{\n  \"domains\": [\"x\"]\n}").err().unwrap();
/// assert_eq!((error.line, error.column, error.message.as_str()), (2, 3, "`domains`: `x` is no domain"));
/// ```
pub trait Settings: DeserializeOwned + Send + Sync + 'static {
    /// The JSON Schema (2020-12) of the document: a text that is stored beside the
    /// type, which `testing::assert_schema` writes and holds against the type
    /// (feature `schema`). `schema_of::<Self>()` generates it at each call, which
    /// takes 75 KB of the component.
    fn schema() -> String;

    /// Checks the constraints that the type does not express, before any login uses
    /// the document.
    ///
    /// # Errors
    ///
    /// The key, and the fault of its value.
    fn check(&self) -> Result<(), Invalid> {
        Ok(())
    }

    /// The options in use that give a protection up or have no effect. At most
    /// 100.
    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    /// Reads a document, as every login does: without [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// The place and the fault.
    fn parse(document: &str) -> Result<Self, SettingsError> {
        // serde would take a list for the values in their order.
        if !document.trim_start().starts_with('{') {
            return Err(error_at((1, 1), "the settings are an object: `{ … }`".to_owned()));
        }
        serde_json::from_str(document).map_err(|error| {
            let text = error.to_string();
            // serde_json appends the place, which is passed on its own.
            let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            error_at((error.line(), error.column()), nearest::with_nearest(message))
        })
    }

    /// Reads a document and checks it.
    ///
    /// # Errors
    ///
    /// The place and the fault.
    fn read_and_check(document: &str) -> Result<Self, SettingsError> {
        let settings = Self::parse(document)?;
        match settings.check() {
            Ok(()) => Ok(settings),
            Err(invalid) => {
                let message = format!("`{}`: {}", invalid.key, invalid.message);
                Err(error_at(place_of(document, &invalid.key), message))
            }
        }
    }
}

/// A key of the document and the fault of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The key.
    pub key: String,
    /// The fault of its value, and the allowed values.
    pub message: String,
}

impl Invalid {
    /// A fault of this key's value.
    #[must_use]
    pub fn new(key: &str, message: impl Into<String>) -> Self {
        Self { key: key.to_owned(), message: message.into() }
    }
}

/// The settings of a policy without options. As the contract says of a plugin
/// without settings, every document is accepted, and none is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct NoSettings {}

impl Settings for NoSettings {
    fn schema() -> String {
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}"#.to_owned()
    }

    fn parse(_: &str) -> Result<Self, SettingsError> {
        Ok(Self {})
    }
}

/// The JSON Schema of a type, for [`Settings::schema`].
#[cfg(feature = "schema")]
#[must_use]
pub fn schema_of<T: schemars::JsonSchema>() -> String {
    schemars::schema_for!(T).to_value().to_string()
}

/// The settings of a login, read from its document.
pub(crate) fn for_login<S: Settings>(document: &str) -> Result<S, ApiError> {
    S::parse(document).map_err(|error| ApiError::Invalid(error.message))
}

fn error_at((line, column): (usize, usize), message: String) -> SettingsError {
    let number = |place| u32::try_from(place).unwrap_or(0);
    SettingsError { line: number(line), column: number(column), message }
}

/// The place of a key of the document, from 1; 0 if the document does not have it.
fn place_of(document: &str, key: &str) -> (usize, usize) {
    let Some(at) = offset_of(document.as_bytes(), key.as_bytes()) else { return (0, 0) };
    let before = &document[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, at - line_start + 1)
}

/// The offset of a key of the outermost object. A value of the same text, and a key
/// of an object within, is not meant.
fn offset_of(document: &[u8], key: &[u8]) -> Option<usize> {
    let (mut at, mut depth, mut is_key) = (0, 0_usize, false);
    while let Some(byte) = document.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                is_key = depth == 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => is_key = depth == 1,
            b':' => is_key = false,
            b'"' => {
                let start = at + 1;
                let mut end = start;
                while document.get(end).is_some_and(|&byte| byte != b'"') {
                    end += if document[end] == b'\\' { 2 } else { 1 };
                }
                if is_key && document.get(start..end) == Some(key) {
                    return Some(at);
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::place_of;

    #[test]
    fn a_key_is_placed_and_not_a_value_of_its_name() {
        let document = "{\n \"a\": [\"c\", \"b\"],\n \"b\": {\"c\": 1}, \"c\": 2}";
        assert_eq!((place_of(document, "b"), place_of(document, "c")), ((3, 2), (3, 17)));
        assert_eq!((place_of(document, "d"), place_of("{\"a\\", "a")), ((0, 0), (0, 0)));
    }
}
