//! Reading of JSON texts.

use std::path::Path;

use serde::Deserialize;
use serde_json::error::Category;

use super::bounded_file::{read_bounded, read_bounded_file};
use super::place::{locate, place_behind};
use super::{InputError, STANDARD_INPUT, describe_read_error, display_path, rewrite_message, strip_place};

/// The most bytes of a text.
const MOST_BYTES: u64 = 64 << 20;

/// Reads a text file, or standard input where the file is `-`. A byte order mark
/// in front is left out.
///
/// # Errors
///
/// When it cannot be read, is empty, or is not UTF-8.
pub fn read_text(file: &Path) -> Result<String, InputError> {
    let read = if file == Path::new(STANDARD_INPUT) {
        read_bounded(std::io::stdin(), MOST_BYTES)
    } else {
        read_bounded_file(file, MOST_BYTES)
    };
    let bytes = read.map_err(|error| InputError::for_file(file, describe_read_error(&error)))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let message = match error.as_bytes() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "this is UTF-16; expected UTF-8",
            _ => "this is not UTF-8; expected a JSON text",
        };
        InputError { file: display_path(file), place: Some(place_behind(good)), message: message.to_owned() }
    })?;
    match text.strip_prefix('\u{feff}') {
        Some(behind) => Ok(behind.to_owned()),
        None => Ok(text),
    }
}

/// Reads a JSON text that came from `file`.
///
/// # Errors
///
/// Names line and column, the path within the text, and the nearest key if one is misspelt.
pub fn read_json<'a, T: Deserialize<'a>>(file: &Path, text: &'a str) -> Result<T, InputError> {
    let in_file = |(place, message)| InputError { file: display_path(file), place, message };
    parse_json(text).map_err(in_file)
}

/// Reads a JSON text.
///
/// # Errors
///
/// The place, line and column from 1, and a message with the path within the text.
pub fn parse_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ParseFault> {
    if text.trim().is_empty() {
        return Err((None, "there is nothing in it; expected a JSON text".to_owned()));
    }
    // A valid text is read without keeping track of the path, which takes as long as the reading.
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let mut path = String::new();
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        path = error.path().to_string();
        error.into_inner()
    });
    read.and_then(|value| json.end().map(|()| value)).map_err(|error| {
        let message = error.to_string();
        let message = strip_place(&message, error.line(), error.column());
        let at = match strip_unknown_key(&path, message) {
            // A text that is not JSON has no path, or a part that is unknown.
            "" | "." | "?" => String::new(),
            path => format!("`{path}`: "),
        };
        let place = (error.line() > 0).then(|| match error.classify() {
            Category::Data => locate(text, (error.line(), error.column()), is_of_object(message)).place,
            _ => (error.line(), error.column().max(1)),
        });
        (place, format!("{at}{}", rewrite_message(message)))
    })
}

/// A fault: its place, and a message.
pub type ParseFault = (Option<(usize, usize)>, String);

/// Returns whether a message of serde is about an object as a whole: a key is
/// missing.
pub(crate) fn is_of_object(message: &str) -> bool {
    message.starts_with("missing field")
}

/// Returns the path without the key that the message names itself.
fn strip_unknown_key<'a>(path: &'a str, message: &str) -> &'a str {
    let key = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, ")).map(|it| it.0);
    match key.and_then(|key| path.strip_suffix(key)) {
        Some(parent) => parent.strip_suffix('.').unwrap_or(parent),
        None => path.strip_suffix(".?").unwrap_or(path),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::read_json;

    #[test]
    fn an_error_names_file_place_and_path() {
        let error = read_json::<Vec<u8>>(Path::new("a.json"), "[1,\n \"x\"]").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.json, line 2, column 4: `[1]`: expected a whole number from 0 to 255, not the text \"x\""
        );
    }

    #[test]
    fn an_unknown_key_is_reported_once() {
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
        assert_eq!(
            error.to_string(),
            "a.json, line 1, column 3: there is text after the end of the JSON value"
        );
    }

    #[test]
    fn an_empty_text_is_reported_as_such() {
        for text in ["", " \n"] {
            let error = read_json::<u8>(Path::new("a.json"), text).unwrap_err();
            assert_eq!(error.to_string(), "a.json: there is nothing in it; expected a JSON text");
        }
    }
}
