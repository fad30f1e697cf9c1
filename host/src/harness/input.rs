//! Reading JSON files, and saying where they are wrong.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::place::without_place;

/// Something in a file is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The file.
    pub file: String,
    /// Line and column, from 1, where there is a place.
    pub place: Option<(usize, usize)>,
    /// What is wrong and what was expected.
    pub message: String,
}

impl InputError {
    /// An error about a file as a whole.
    pub fn whole(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.display().to_string(), place: None, message: message.into() }
    }

    /// The error for a reader who knows which file it is about.
    #[must_use]
    pub fn within_file(&self) -> String {
        match self.place {
            Some((line, column)) => format!("line {line}, column {column}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => {
                write!(f, "{}, line {line}, column {column}: {}", self.file, self.message)
            }
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for InputError {}

/// Reads a text file.
///
/// # Errors
///
/// When it cannot be read, or is not UTF-8.
pub(super) fn read_text(file: &Path) -> Result<String, InputError> {
    let bytes = std::fs::read(file).map_err(|error| InputError::whole(file, cannot_be_read(&error)))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        InputError {
            file: file.display().to_string(),
            place: Some(place_behind(good)),
            message: "this is not UTF-8; expected a JSON text".to_owned(),
        }
    })
}

/// What an error of reading means, for people.
pub(crate) fn cannot_be_read(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "this is a directory; expected a file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read: permission denied".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// Reads a JSON text that came from `file`.
///
/// # Errors
///
/// With line and column, the path within the text, and the nearest key where
/// one was misspelt.
pub fn read_json<'a, T: Deserialize<'a>>(file: &Path, text: &'a str) -> Result<T, InputError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut path = String::new();
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        path = error.path().to_string();
        error.into_inner()
    });
    let value = read.and_then(|value| json.end().map(|()| value)).map_err(|error| {
        let message = error.to_string();
        let message = with_suggestion(without_place(&message, error.line(), error.column()));
        let at = match without_unknown_key(&path, &message) {
            "" | "." => String::new(),
            path => format!("`{path}`: "),
        };
        InputError {
            file: file.display().to_string(),
            place: (error.line() > 0).then(|| (error.line(), error.column().max(1))),
            message: format!("{at}{message}"),
        }
    })?;
    Ok(value)
}

/// The path without the key that the message is about, and names.
fn without_unknown_key<'a>(path: &'a str, message: &str) -> &'a str {
    let key = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, ")).map(|it| it.0);
    match key.and_then(|key| path.strip_suffix(key)) {
        Some(parent) => parent.strip_suffix('.').unwrap_or(parent),
        None => path,
    }
}

/// serde's message about an unknown key or value, with the nearest known one.
pub(crate) fn with_suggestion(message: &str) -> String {
    let message = &message
        .replace("expected u32", "expected a whole number from 0")
        .replace("expected u64", "expected a whole number from 0");
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    // A plugin may have told it already, as the contract wants it.
    let is_unknown = is_unknown && !message.contains("did you mean");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(given) = quoted.next().filter(|_| is_unknown) else { return message.to_owned() };
    let nearest = quoted.min_by_key(|known| strsim::damerau_levenshtein(given, known));
    match nearest {
        Some(known) if strsim::damerau_levenshtein(given, known) <= given.chars().count().max(3) / 2 => {
            format!("{message}; did you mean `{known}`?")
        }
        _ => message.to_owned(),
    }
}

/// The last key before a place in a JSON text, which is the key of the value
/// that stands there.
pub(super) fn key_before(text: &str, line: usize, column: usize) -> Option<&str> {
    let start = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
    let before = text.get(..start + column)?;
    let colon =
        before.match_indices(':').map(|(at, _)| at).rfind(|at| before[..*at].trim_end().ends_with('"'))?;
    let quoted = before[..colon].trim_end().strip_suffix('"')?;
    quoted.rsplit_once('"').map(|(_, key)| key)
}

/// Line and column, from 1, of what comes behind this text.
pub(super) fn place_behind(text: &[u8]) -> (usize, usize) {
    let line = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = text.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{read_json, with_suggestion};

    #[test]
    fn an_error_names_file_place_and_path() {
        let error = read_json::<Vec<u8>>(Path::new("a.json"), "[1,\n \"x\"]").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.json, line 2, column 4: `[1]`: invalid type: string \"x\", expected u8"
        );
    }

    #[test]
    fn an_unknown_key_is_told_once() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only read")]
        struct Inner {
            key: u8,
        }
        let error = read_json::<Vec<Inner>>(Path::new("a.json"), "[{\"kez\": 1}]").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.json, line 1, column 7: `[0]`: unknown field `kez`, expected `key`; did you mean `key`?"
        );
    }

    #[test]
    fn what_follows_the_value_is_an_error() {
        let error = read_json::<u8>(Path::new("a.json"), "1 2").unwrap_err();
        assert_eq!(error.to_string(), "a.json, line 1, column 3: trailing characters");
    }

    #[test]
    fn the_nearest_key_is_suggested_if_it_is_near() {
        assert!(
            with_suggestion("unknown field `mod`, expected `mode` or `now`")
                .ends_with("did you mean `mode`?")
        );
        assert!(!with_suggestion("unknown field `zzzzzz`, expected `mode`").contains("did you mean"));
        assert_eq!(with_suggestion("missing field `x`"), "missing field `x`");
        let told = "unknown field `mod`, expected `mode` or `now`; did you mean `mode`?";
        assert_eq!(with_suggestion(told), told);
    }
}
