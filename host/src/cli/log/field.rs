//! Texts of others in log lines: masked and bounded in one place, whichever part of the program logs them.

use std::borrow::Cow;

use crate::model::{mask_secrets, truncate};

/// The most bytes of a field.
const MOST_BYTES: usize = 4 << 10;

/// The most bytes of a field that are searched for addresses and secrets. What is behind is not shown.
const SEARCHED: usize = 2 * MOST_BYTES;

/// Returns a field without secrets and whole addresses, at its maximum length.
pub(super) fn present_field(value: &str) -> Cow<'_, str> {
    if value.len() <= MOST_BYTES {
        return mask_secrets(value);
    }
    let searched = &value[..value.floor_char_boundary(SEARCHED)];
    Cow::Owned(truncate(&mask_secrets(searched), MOST_BYTES).into_owned())
}

/// Returns a line of JSON with each text in it as by [`present_field`].
pub(super) fn present_line(line: &str) -> String {
    let (mut presented, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(start) = rest.find('"') {
        let (before, text) = rest.split_at(start);
        presented.push_str(before);
        let end = end_of_text(text);
        let (text, behind) = text.split_at(end);
        // Every text is whole, because the line comes from a serializer.
        match serde_json::from_str::<String>(text) {
            Ok(value) => presented.push_str(&serde_json::Value::from(present_field(&value)).to_string()),
            Err(_) => presented.push_str(text),
        }
        rest = behind;
    }
    presented.push_str(rest);
    presented
}

/// Returns the end of a JSON text that begins with its quotation mark.
fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, present_field, present_line};

    #[test]
    fn a_field_is_masked_and_bounded() {
        let token = "eyJhbGciOiJIUzI1NiJ9.e30.c4nary";
        assert_eq!(present_field(&format!("of ada%40corp.com: {token}")), "of a…@corp.com: [secret]");
        assert!(present_field(&"x".repeat(900_000)).len() <= MOST_BYTES + 3);
        assert!(!present_field(&format!("{} ada@corp.com", "x".repeat(MOST_BYTES - 6))).contains("ada@"));
    }

    #[test]
    fn every_text_of_a_line_of_json_is_masked_and_bounded() {
        let long = "\u{fc}\"".repeat(100_000);
        let line = serde_json::json!({ "client": "ada@corp.com", "n": 1, "user": long, "why": "\\\"x\"" })
            .to_string()
            + "\n";
        let presented = present_line(&line);
        let read: serde_json::Value = serde_json::from_str(&presented).unwrap();
        assert_eq!((&read["client"], &read["why"]), (&"a…@corp.com".into(), &"\\\"x\"".into()));
        assert!(presented.len() < 2 * MOST_BYTES, "{}", presented.len());
    }
}
