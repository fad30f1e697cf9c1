//! Places in JSON texts: the value that a place belongs to, and the place of a
//! key.

use std::fmt;

/// Line and column, from 1; a column counts bytes.
pub(crate) type Place = (usize, usize);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathStep {
    /// A key of an object.
    Key(String),
    /// An element of a list, counted from 0.
    Index(usize),
}

impl PathStep {
    fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

/// The keys and indices that lead to a value, such as `users[0].email`. Empty for
/// the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JsonPath(pub(crate) Vec<PathStep>);

impl JsonPath {
    /// Returns whether it leads to the whole document.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first step, if it is a key.
    pub(crate) fn first_key(&self) -> Option<&str> {
        self.0.first().and_then(PathStep::key)
    }

    /// The last step, if it is a key.
    pub(crate) fn last_key(&self) -> Option<&str> {
        self.0.last().and_then(PathStep::key)
    }

    /// The path without its last step.
    pub(crate) fn parent(&self) -> Self {
        Self(self.0.iter().take(self.0.len().saturating_sub(1)).cloned().collect())
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Key(key) if depth == 0 => f.write_str(key)?,
                PathStep::Key(key) => write!(f, ".{key}")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

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
        let is_value = matches!(token.kind, Kind::Open | Kind::Scalar);
        if target < token.start && is_awaited && is_value {
            return Found { path: token.path, is_key: false, at: Some(token.start) };
        }
        if target < token.start {
            return before;
        }
        let is_hit = target < token.end;
        is_awaited = match token.kind {
            Kind::Colon => true,
            Kind::Comma => tokens.is_in_list(),
            Kind::Open => tokens.is_in_list() && tokens.is_at_bracket(),
            Kind::Close | Kind::Key | Kind::Scalar => false,
        };
        match token.kind {
            Kind::Comma | Kind::Colon => {}
            Kind::Close if is_hit && is_of_object => {
                return Found { path: token.path, is_key: false, at: None };
            }
            Kind::Close if is_hit => return before,
            Kind::Close => before = Found { path: token.path, is_key: false, at: Some(token.start) },
            Kind::Open | Kind::Key | Kind::Scalar => {
                let last = if token.kind == Kind::Open { token.start } else { token.end - 1 };
                let at = (!is_hit).then_some(last);
                before = Found { path: token.path, is_key: token.kind == Kind::Key, at };
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
        if token.kind == Kind::Key && token.path.to_string() == path {
            break token;
        }
    };
    let mut end = key.end;
    let mut depth = 0_usize;
    while let Some(token) = tokens.next() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        end = token.end;
        if depth == 0 && token.kind != Kind::Colon {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Comma,
    Colon,
    Key,
    Scalar,
}

/// A token, with the path of the value or key. The token that closes an object or
/// list has the path of the whole of it, and begins where that begins.
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
    path: JsonPath,
}

/// A level of nested values.
struct NestingLevel {
    is_object: bool,
    start: usize,
    /// The key that the text is at, if it is past one.
    key: Option<String>,
    index: usize,
}

/// Reads a JSON text token by token. Takes any text, and ends where one is no
/// JSON.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
    levels: Vec<NestingLevel>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, levels: Vec::new() }
    }

    /// Returns whether the values that follow are a list's.
    fn is_in_list(&self) -> bool {
        self.levels.last().is_some_and(|it| !it.is_object)
    }

    /// Returns whether an object or a list follows.
    fn is_at_bracket(&self) -> bool {
        self.text.get(self.at..).is_some_and(|behind| behind.trim_start().starts_with(['{', '[']))
    }

    fn path(&self) -> JsonPath {
        let step = |level: &NestingLevel| match (level.is_object, &level.key) {
            (true, key) => key.clone().map(PathStep::Key),
            (false, _) => Some(PathStep::Index(level.index)),
        };
        JsonPath(self.levels.iter().filter_map(step).collect())
    }

    fn next(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        let start = self.at;
        let kind = match bytes.get(start)? {
            b'{' | b'[' => Kind::Open,
            b'}' | b']' => Kind::Close,
            b',' => Kind::Comma,
            b':' => Kind::Colon,
            b'"' if self.levels.last().is_some_and(|it| it.is_object && it.key.is_none()) => Kind::Key,
            _ => Kind::Scalar,
        };
        self.at = match kind {
            Kind::Key | Kind::Scalar => end_of_scalar(bytes, start),
            _ => start + 1,
        };
        let end = self.at;
        match kind {
            Kind::Open => {
                let path = self.path();
                let is_object = bytes[start] == b'{';
                self.levels.push(NestingLevel { is_object, start, key: None, index: 0 });
                return Some(Token { kind, start, end, path });
            }
            Kind::Close => {
                let level = self.levels.pop()?;
                let path = self.path();
                // Hit only by its last byte: see `locate`.
                return Some(Token { kind, start: level.start, end, path });
            }
            Kind::Comma => match self.levels.last_mut() {
                Some(level) if level.is_object => level.key = None,
                Some(level) => level.index += 1,
                None => {}
            },
            Kind::Key => {
                let key = self.text.get(start..end)?;
                let key = serde_json::from_str(key).unwrap_or_else(|_| key.trim_matches('"').to_owned());
                if let Some(level) = self.levels.last_mut() {
                    level.key = Some(key);
                }
            }
            Kind::Colon | Kind::Scalar => {}
        }
        Some(Token { kind, start, end, path: self.path() })
    }
}

/// The end of a text, a number or a word that begins here.
fn end_of_scalar(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    if bytes[start] == b'"' {
        while at < bytes.len() && bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        return (at + 1).min(bytes.len());
    }
    let ends = |byte: u8| byte.is_ascii_whitespace() || b"{}[],:\"".contains(&byte);
    while bytes.get(at).is_some_and(|&byte| !ends(byte)) {
        at += 1;
    }
    at
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
