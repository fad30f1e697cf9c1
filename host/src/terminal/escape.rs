//! Escaping a text for a terminal or a log.

use std::borrow::Cow;

use super::characters::is_plain;

/// Escapes every character that is not plain: as `\n`, `\r` or `\t`, otherwise in the
/// form `\u{1b}`. The result is always one line.
///
/// A backslash is not escaped, so that escaping twice changes nothing and quoted JSON
/// stays readable. As a consequence, a literal `\n` looks like an escaped line feed;
/// [`Json`](super::Json) distinguishes them.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(|c| !is_plain(c)) else { return Cow::Borrowed(text) };
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for c in text[first..].chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if is_plain(c) => escaped.push(c),
            c => escaped.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::escape;

    #[test]
    fn dangerous_characters_are_escaped() {
        let table = [
            ("\u{1b}]52;c;ZXZpbA==\u{7}", r"\u{1b}]52;c;ZXZpbA==\u{7}"),
            ("a\nb\rc\td", r"a\nb\rc\td"),
            ("\0\u{7f}", r"\u{0}\u{7f}"),
            ("\u{80}\u{9b}2J\u{9f}", r"\u{80}\u{9b}2J\u{9f}"),
            ("\u{61c}\u{200e}\u{200f}", r"\u{61c}\u{200e}\u{200f}"),
            ("\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}", r"\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}"),
            ("\u{2066}\u{2067}\u{2068}\u{2069}", r"\u{2066}\u{2067}\u{2068}\u{2069}"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            (
                "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
                r"\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
            ),
            ("\u{34f}\u{115f}\u{3164}\u{ffa0}\u{fe0f}", r"\u{34f}\u{115f}\u{3164}\u{ffa0}\u{fe0f}"),
            ("\u{e0041}\u{e0100}\u{1d173}", r"\u{e0041}\u{e0100}\u{1d173}"),
            ("\u{e000}\u{10ffff}\u{378}\u{fffe}", r"\u{e000}\u{10ffff}\u{378}\u{fffe}"),
            ("\u{fff9}\u{2065}\u{fff0}", r"\u{fff9}\u{2065}\u{fff0}"),
        ];
        for (text, shown) in table {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn plain_text_is_borrowed() {
        let texts = [
            "",
            "auth0|1 (Ada Lovelace), \\n stays, \"quoted\" … → ✗ ·",
            "Zoë Müller, Ça, Łódź, naı̈ve",
            "Ада Лавлейс, Άντα, אדה, عادة, हिन्दी, ไทย, 愛達, エイダ　子, 에이다",
            "👍 👩 🇬🇧 a\u{a0}b",
        ];
        for text in texts {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn no_character_gets_through_and_escaping_again_changes_nothing() {
        let is_dangerous = |c: char| {
            c.is_control()
                || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
                || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
        };
        for c in '\0'..=char::MAX {
            let text = format!("{c}\\{c}");
            let escaped = escape(&text);
            assert!(!escaped.chars().any(is_dangerous), "{c:?}");
            assert_eq!(escape(&escaped), escaped, "{c:?}");
        }
    }
}
