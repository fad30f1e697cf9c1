//! Reading a JSON text token by token, with the path of each.

use super::json_path::{JsonPath, PathStep};

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Open,
    Close,
    Comma,
    Colon,
    Key,
    Scalar,
}

/// A token, with the path of the value or key. The token that closes an object or
/// list has the path of the whole of it, and begins where that begins.
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) path: JsonPath,
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
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    levels: Vec<NestingLevel>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, levels: Vec::new() }
    }

    /// Returns whether the values that follow are a list's.
    pub(super) fn is_in_list(&self) -> bool {
        self.levels.last().is_some_and(|it| !it.is_object)
    }

    /// Returns whether an object or a list follows.
    pub(super) fn is_at_bracket(&self) -> bool {
        self.text.get(self.at..).is_some_and(|behind| behind.trim_start().starts_with(['{', '[']))
    }

    fn path(&self) -> JsonPath {
        let step = |level: &NestingLevel| match (level.is_object, &level.key) {
            (true, key) => key.clone().map(PathStep::Key),
            (false, _) => Some(PathStep::Index(level.index)),
        };
        JsonPath(self.levels.iter().filter_map(step).collect())
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        let start = self.at;
        let kind = match bytes.get(start)? {
            b'{' | b'[' => TokenKind::Open,
            b'}' | b']' => TokenKind::Close,
            b',' => TokenKind::Comma,
            b':' => TokenKind::Colon,
            b'"' if self.levels.last().is_some_and(|it| it.is_object && it.key.is_none()) => TokenKind::Key,
            _ => TokenKind::Scalar,
        };
        self.at = match kind {
            TokenKind::Key | TokenKind::Scalar => end_of_scalar(bytes, start),
            _ => start + 1,
        };
        let end = self.at;
        match kind {
            TokenKind::Open => {
                let path = self.path();
                let is_object = bytes[start] == b'{';
                self.levels.push(NestingLevel { is_object, start, key: None, index: 0 });
                return Some(Token { kind, start, end, path });
            }
            TokenKind::Close => {
                let level = self.levels.pop()?;
                let path = self.path();
                // Hit only by its last byte: see `locate`.
                return Some(Token { kind, start: level.start, end, path });
            }
            TokenKind::Comma => match self.levels.last_mut() {
                Some(level) if level.is_object => level.key = None,
                Some(level) => level.index += 1,
                None => {}
            },
            TokenKind::Key => {
                let key = self.text.get(start..end)?;
                let key = serde_json::from_str(key).unwrap_or_else(|_| key.trim_matches('"').to_owned());
                if let Some(level) = self.levels.last_mut() {
                    level.key = Some(key);
                }
            }
            TokenKind::Colon | TokenKind::Scalar => {}
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
