//! JSON that is safe to print on a terminal. Its meaning is unchanged.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::characters::is_plain;

/// A JSON text in which every character that is not plain is written as
/// `\u202e`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// Serializes a value on one line.
    ///
    /// # Errors
    ///
    /// When the value cannot be represented in JSON.
    pub fn compact(value: &impl Serialize) -> serde_json::Result<Self> {
        let mut text = Vec::new();
        write_json(&mut text, value)?;
        Self::from_utf8(text)
    }

    /// Serializes a value with indentation.
    ///
    /// # Errors
    ///
    /// When the value cannot be represented in JSON.
    pub fn pretty(value: &impl Serialize) -> serde_json::Result<Self> {
        let mut text = Vec::new();
        let format = JsonEscapes(PrettyFormatter::new());
        value.serialize(&mut Serializer::with_formatter(&mut text, format))?;
        Self::from_utf8(text)
    }

    fn from_utf8(text: Vec<u8>) -> serde_json::Result<Self> {
        String::from_utf8(text).map(Self).map_err(serde::ser::Error::custom)
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Json> for String {
    fn from(json: Json) -> Self {
        json.0
    }
}

/// Writes a value on one line, escaped as [`Json`] is.
pub(crate) fn write_json(out: impl Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, JsonEscapes(CompactFormatter)))
}

/// Writes a JSON text, with every character that is not plain as an escape. Such
/// characters occur only in its strings, except white space, which is kept.
pub(crate) fn escape_json(out: &mut (impl Write + ?Sized), json: &str) -> io::Result<()> {
    let mut rest = json;
    while let Some(at) = rest.find(|c: char| !is_plain(c) && !is_white_space(c)) {
        out.write_all(&rest.as_bytes()[..at])?;
        let mut behind = rest[at..].chars();
        let mut units = [0; 2];
        for unit in behind.next().unwrap_or_default().encode_utf16(&mut units) {
            write!(out, "\\u{unit:04x}")?;
        }
        rest = behind.as_str();
    }
    out.write_all(rest.as_bytes())
}

/// Returns whether a character is white space that JSON allows between its tokens. In
/// strings, the serializer has escaped it already.
fn is_white_space(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t')
}

/// A formatter that escapes strings and delegates everything else.
struct JsonEscapes<F>(F);

impl<F: Formatter> Formatter for JsonEscapes<F> {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        escape_json(out, fragment)
    }

    fn write_raw_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        escape_json(out, fragment)
    }

    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::Json;
    use crate::terminal::escape;

    #[test]
    fn dangerous_characters_are_escaped_in_keys_and_values() {
        let value = json!({ "a\u{202e}": ["\u{1b}\u{7f}\u{9b}\n", "\u{e0041}", "Ä"] });
        let text = Json::compact(&value).expect("JSON");
        assert_eq!(text.as_str(), r#"{"a\u202e":["\u001b\u007f\u009b\n","\udb40\udc41","Ä"]}"#);
    }

    #[test]
    fn raw_json_is_escaped_too_and_keeps_its_lines() {
        let raw: Box<RawValue> = serde_json::from_str("[\n\t\"\u{9b}\u{202e}\"]").expect("JSON");
        assert_eq!(Json::compact(&raw).expect("JSON").as_str(), "[\n\t\"\\u009b\\u202e\"]");
    }

    #[test]
    fn every_character_comes_back() {
        let all: Vec<String> = ('\0'..=char::MAX).map(String::from).collect();
        let text = Json::pretty(&all).expect("JSON").to_string();
        assert!(text.lines().all(|line| matches!(escape(line), std::borrow::Cow::Borrowed(_))));
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).expect("JSON"), all);
    }

    #[test]
    fn plain_json_is_as_serde_json_writes_it() {
        let value: Value = json!({ "a": [], "b": {}, "c": [1, 2.5, null, true, { "d": "e" }] });
        assert_eq!(
            Json::pretty(&value).expect("JSON").as_str(),
            serde_json::to_string_pretty(&value).expect("JSON")
        );
        assert_eq!(
            Json::compact(&value).expect("JSON").as_str(),
            serde_json::to_string(&value).expect("JSON")
        );
    }
}
