//! The value that stands at a place of a JSON text.

/// Where one is within nested values.
enum Level<'a> {
    /// In an object, at the value of this key, or before it.
    Object(Option<&'a str>),
    /// In a list, at this element.
    List(usize),
}

/// The path to the value at this place, such as `users[0].email`: line and
/// column, from 1, of the last byte that was read. Empty for the whole, and where
/// there is no such place. A bracket that was read last is looked at from within,
/// unless the error is about what it `ends`.
pub(crate) fn path_at(text: &str, (line, column): (usize, usize), ends: bool) -> String {
    let Some(before_line) = line.checked_sub(1) else { return String::new() };
    let start: usize = text.split_inclusive('\n').take(before_line).map(str::len).sum();
    let bytes = text.as_bytes();
    let end = (start + column).min(bytes.len());
    let mut levels: Vec<Level> = Vec::new();
    let (mut at, mut last) = (0, None);
    while at < end {
        match bytes[at] {
            b'"' => {
                let from = at + 1;
                at = end_of_text(bytes, from);
                last = text.get(from..at);
            }
            b':' => {
                if let (Some(Level::Object(key)), Some(name)) = (levels.last_mut(), last.take()) {
                    *key = Some(name);
                }
            }
            b'{' => levels.push(Level::Object(None)),
            b'[' => levels.push(Level::List(0)),
            b'}' | b']' if ends || at + 1 < end => {
                levels.pop();
            }
            // An error behind the last element is about that one.
            b',' if at + 1 < end => match levels.last_mut() {
                Some(Level::Object(key)) => *key = None,
                Some(Level::List(index)) => *index += 1,
                None => {}
            },
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Object(Some(key)) if path.is_empty() => path.push_str(key),
            Level::Object(Some(key)) => path.push_str(&format!(".{key}")),
            Level::List(index) => path.push_str(&format!("[{index}]")),
            Level::Object(None) => {}
        }
    }
    path
}

/// The end of the value that is not known, where serde_json has read on to what
/// stands behind it.
pub(crate) fn end_of_unknown(text: &str, (line, column): (usize, usize)) -> (usize, usize) {
    let Some(before_line) = line.checked_sub(1) else { return (line, column) };
    let start: usize = text.split_inclusive('\n').take(before_line).map(str::len).sum();
    let Some(before) = text.get(..(start + column).min(text.len())) else { return (line, column) };
    let Some(value) = before.strip_suffix(['}', ']', ',']) else { return (line, column) };
    let (line, behind) = super::place_behind(value.trim_end().as_bytes());
    (line, behind.saturating_sub(1).max(1))
}

/// The place of the quote that ends a text which begins here.
fn end_of_text(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::{end_of_unknown, path_at};

    /// The path at the mark `^`, which is taken out.
    fn at(marked: &str) -> String {
        let before = &marked[..marked.find('^').expect("a mark")];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        path_at(&marked.replace('^', ""), (line, column), false)
    }

    #[test]
    fn a_value_is_told_with_the_keys_that_lead_to_it() {
        assert_eq!(at(r#"{"a": 5^}"#), "a");
        assert_eq!(at("{\"a\": {\"b\": [1,\n {\"c\": 5^}]}}"), "a.b[1].c");
        assert_eq!(at(r#"{"a": "x, \"y\": {", "b": [0^]}"#), "b[0]");
    }

    #[test]
    fn a_key_of_a_value_before_is_not_told() {
        assert_eq!(at(r#"{"a": {"b": 1}, "c"^: 2}"#), "");
        assert_eq!(at(r#"{"a": {"b": 1}, "c": {"d": 1, "e"^: 2}}"#), "c");
        assert_eq!(at(r#"{"a": {"b": 1} ^}"#), "a");
    }

    #[test]
    fn a_bracket_is_of_the_value_before_it_or_of_the_whole() {
        assert_eq!(path_at(r#"{"a": {"b": 1}}"#, (1, 14), false), "a.b");
        assert_eq!(path_at(r#"{"a": {"b": 1}}"#, (1, 14), true), "a");
    }

    #[test]
    fn a_value_that_is_not_known_ends_before_what_stands_behind_it() {
        assert_eq!(end_of_unknown("{\n \"a\": \"b\"\n}", (3, 1)), (2, 9));
        assert_eq!(end_of_unknown("{\"a\": \"b\"}", (1, 10)), (1, 9));
        assert_eq!(end_of_unknown("{\"a\": \"b\"}", (1, 9)), (1, 9));
    }

    #[test]
    fn any_place_of_any_text_has_a_path() {
        for text in ["", "\"", "{\"é", "]]}}:,", "{\"a\\"] {
            for column in 0..10 {
                let _ = path_at(text, (1, column), true)
                    + &path_at(text, (3, column), false)
                    + &path_at(text, (0, column), true);
                let _ = (end_of_unknown(text, (1, column)), end_of_unknown(text, (3, column)));
            }
        }
    }
}
