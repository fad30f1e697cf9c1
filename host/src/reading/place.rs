//! Places in JSON texts: the value that a place belongs to, and the place of a
//! key.

use super::json_path::JsonPath;
use super::json_tokens::{TokenKind, Tokens};

/// Line and column, from 1; a column counts bytes.
pub(crate) type Place = (usize, usize);

/// The value or key that an error is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Located {
    /// The path to it.
    pub(crate) path: JsonPath,
    /// Whether the error is about the key itself and not about its value.
    pub(crate) is_key: bool,
    /// The place of the error if it is within the value; otherwise the end of the value, or the
    /// beginning of an object or list.
    pub(crate) place: Place,
}

/// Finds the value that an error is about, from the last byte that the reader has
/// read. serde has often read on: past the comma or the closing bracket behind the
/// value. An object or list of a wrong type it has not begun to read. An error about
/// an object that lacks a key (`is_of_object`) is reported at the object's own
/// closing bracket.
pub(crate) fn locate(text: &str, place: Place, is_of_object: bool) -> Located {
    let place = (place.0, if place.0 == 1 { place.1.max(1) } else { place.1 });
    let Some(target) = offset(text, place) else { return Located { place, ..Located::default() } };
    let found = find_token(text, target, is_of_object);
    Located { path: found.path, is_key: found.is_key, place: found.at.map_or(place, |at| place_of(text, at)) }
}

/// A value or key, and the offset of its place; none where the reader has stopped.
#[derive(Default)]
struct Found {
    path: JsonPath,
    is_key: bool,
    at: Option<usize>,
}

/// Finds the value or key that an error is about, in one pass. `target` is the offset of
/// the last byte that the reader has read.
fn find_token(text: &str, target: usize, is_of_object: bool) -> Found {
    let mut before = Found::default();
    let mut tokens = Tokens::new(text);
    // Whether the next value is the one, if it begins behind the target.
    let mut is_awaited = false;
    while let Some(token) = tokens.next() {
        let is_value = matches!(token.kind, TokenKind::Open | TokenKind::Scalar);
        if target < token.start && is_awaited && is_value {
            return Found { path: token.path, is_key: false, at: Some(token.start) };
        }
        if target < token.start {
            return before;
        }
        let is_hit = target < token.end;
        is_awaited = match token.kind {
            TokenKind::Colon => true,
            TokenKind::Comma => tokens.is_in_list(),
            TokenKind::Open => tokens.is_in_list() && tokens.is_at_bracket(),
            TokenKind::Close | TokenKind::Key | TokenKind::Scalar => false,
        };
        match token.kind {
            TokenKind::Comma | TokenKind::Colon => {}
            TokenKind::Close if is_hit && is_of_object => {
                return Found { path: token.path, is_key: false, at: None };
            }
            TokenKind::Close if is_hit => return before,
            TokenKind::Close => before = Found { path: token.path, is_key: false, at: Some(token.start) },
            TokenKind::Open | TokenKind::Key | TokenKind::Scalar => {
                let last = if token.kind == TokenKind::Open { token.start } else { token.end - 1 };
                let at = (!is_hit).then_some(last);
                before = Found { path: token.path, is_key: token.kind == TokenKind::Key, at };
            }
        }
        if is_hit && !is_awaited {
            return before;
        }
    }
    before
}

/// Finds a key by its path as text. Returns the key, and the bytes of the key and
/// its value. Elements of lists have no key.
pub(crate) fn find_key(text: &str, path: &str) -> Option<(Located, std::ops::Range<usize>)> {
    let mut tokens = Tokens::new(text);
    let key = loop {
        let token = tokens.next()?;
        if token.kind == TokenKind::Key && token.path.to_string() == path {
            break token;
        }
    };
    let mut end = key.end;
    let mut depth = 0_usize;
    while let Some(token) = tokens.next() {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        end = token.end;
        if depth == 0 && token.kind != TokenKind::Colon {
            break;
        }
    }
    let place = place_of(text, key.start);
    Some((Located { path: key.path, is_key: true, place }, key.start..end))
}

/// The offset of the byte at a place.
pub(crate) fn offset(text: &str, (line, column): Place) -> Option<usize> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    Some((start + column).saturating_sub(1))
}

/// Returns the line and column, from 1, of the byte behind this text.
pub(crate) fn place_behind(text: &[u8]) -> Place {
    let line = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = text.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    (line, column)
}

/// The place of the byte at an offset.
fn place_of(text: &str, at: usize) -> Place {
    place_behind(&text.as_bytes()[..at.min(text.len())])
}

#[cfg(test)]
mod tests {
    use super::{find_key, locate};

    /// The path and the place that are found for the mark `^`, which is taken out
    /// and stands behind the last byte that was read.
    fn at(marked: &str) -> (String, (usize, usize)) {
        let before = &marked[..marked.find('^').expect("a mark")];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        let located = locate(&marked.replace('^', ""), (line, column), false);
        (located.path.to_string(), located.place)
    }

    fn path(marked: &str) -> String {
        at(marked).0
    }

    #[test]
    fn a_value_has_the_path_of_the_keys_that_lead_to_it() {
        assert_eq!(path(r#"{"a": 5^}"#), "a");
        assert_eq!(path("{\"a\": {\"b\": [1,\n {\"c\": 5^}]}}"), "a.b[1].c");
        assert_eq!(path(r#"{"a": "x, \"y\": {", "b": [0^]}"#), "b[0]");
        assert_eq!(path(r#"{"a": {^}}"#), "a");
        assert_eq!(path(r#"{"a\u0062": 5^}"#), "ab");
    }

    #[test]
    fn a_key_has_its_own_path() {
        assert_eq!(path(r#"{"a": {"b": 1}, "c"^: 2}"#), "c");
        assert_eq!(path(r#"{"a": {"b": 1}, "c": {"d": 1, "e"^: 2}}"#), "c.e");
        assert!(locate(r#"{"a": 1}"#, (1, 3), false).is_key);
        assert!(!locate(r#"{"a": 1}"#, (1, 7), false).is_key);
    }

    #[test]
    fn what_stands_behind_a_value_belongs_to_it() {
        for marked in
            ["{\n \"a\": \"b\"\n}^", "{\n \"a\": \"b\",^\n \"c\": 1}", "{\n \"a\": \"b\"\n ^ ,\"c\": 1}"]
        {
            assert_eq!(at(marked), ("a".to_owned(), (2, 9)), "{marked}");
        }
        assert_eq!(at("{\r\n \"a\": 77\r\n}^\r\n"), ("a".to_owned(), (2, 8)));
        assert_eq!(at("{\"a\": {\"b\": true} }^"), ("a".to_owned(), (1, 7)));
        assert_eq!(at("{\"a\": {\"b\": true}^ }"), ("a.b".to_owned(), (1, 16)));
        assert_eq!(at("{\"a\": [1, null\n]^}"), ("a[1]".to_owned(), (1, 14)));
        assert_eq!(at("{\"a\": {}^}"), ("a".to_owned(), (1, 7)));
    }

    #[test]
    fn a_list_or_object_that_was_not_begun_is_the_value_behind_the_place() {
        assert_eq!(at("{\"a\": ^[1]}"), ("a".to_owned(), (1, 7)));
        assert_eq!(at("{\"a\":^{\"b\": 1}}"), ("a".to_owned(), (1, 6)));
        assert_eq!(at("{\"a\": [1,^{}]}"), ("a[1]".to_owned(), (1, 10)));
        assert_eq!(at("{\"a\": [1,\n ^{}]}"), ("a[1]".to_owned(), (2, 2)));
        assert_eq!(at("{\"a\": [^[2]]}"), ("a[0]".to_owned(), (1, 8)));
        assert_eq!(at("{\"a\": [^2]}"), ("a".to_owned(), (1, 7)));
        assert_eq!(at("^[1]"), (String::new(), (1, 1)));
    }

    #[test]
    fn an_error_about_an_object_stays_at_the_object() {
        let located = locate(r#"{"a": {"b": 1}}"#, (1, 14), true);
        assert_eq!((located.path.to_string(), located.place), ("a".to_owned(), (1, 14)));
        assert_eq!(locate(r#"{"a": {"b": 1}}"#, (1, 15), true).path.to_string(), "");
    }

    #[test]
    fn a_key_is_found_as_such_and_not_as_a_value() {
        let text = "{\"b\": [\"a\"],\n \"a\": {\"c\": [1, {}]},\n \"d\": 2}";
        let found = |path: &str| find_key(text, path).map(|(key, bytes)| (key.place, &text[bytes]));
        assert_eq!(found("a"), Some(((2, 2), r#""a": {"c": [1, {}]}"#)));
        assert_eq!(found("a.c"), Some(((2, 8), r#""c": [1, {}]"#)));
        assert_eq!(found("d"), Some(((3, 2), r#""d": 2"#)));
        assert_eq!((found("c"), found("")), (None, None));
    }

    /// A line of an import may have 16 MiB. With a search for the beginning of the line at
    /// each value, this one takes minutes.
    #[test]
    fn a_long_text_is_read_once() {
        let text = format!(r#"{{"a": [{}0], "b": "yes"}}"#, "0,".repeat(1 << 19));
        let column = text.len() - 1;
        let located = locate(&text, (1, column), false);
        assert_eq!((located.path.to_string(), located.place), ("b".to_owned(), (1, column)));
    }

    #[test]
    fn any_place_of_any_text_is_looked_at() {
        for text in ["", "\"", "{\"é", "]]}}:,", "{\"a\\", "{\"a\":[1,{\"\\ud800\":"] {
            for place in (0..4).flat_map(|line| (0..20).map(move |column| (line, column))) {
                let _ = (locate(text, place, true), locate(text, place, false));
            }
            let _ = find_key(text, "a");
        }
    }
}
