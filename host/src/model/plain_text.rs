//! Escaping of foreign text for one line of a terminal, a log or a page.

use std::borrow::Cow;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Returns whether a character controls the direction of text. Text with such a
/// character can display as something other than what it contains.
///
/// Source: Unicode Character Database, property `Bidi_Control`.
#[must_use]
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether a text has a character that can be seen: neither a blank nor a control, nor one
/// that is displayed as nothing, nor a mark without a letter to combine with.
#[must_use]
pub fn has_visible_character(text: &str) -> bool {
    let is_seen = |c: char| !c.is_whitespace() && !c.is_control() && !is_ignorable(c);
    text.chars().any(|c| is_seen(c) && c.general_category_group() != GeneralCategoryGroup::Mark)
}

/// Returns whether a character is displayed as nothing, or as a blank.
///
/// Source: Unicode Character Database, property `Default_Ignorable_Code_Point`; U+2800 and U+3164
/// are blanks, too.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Escapes a text to one line: control characters (C0, DEL, C1), bidi controls, line separators and
/// characters that are not seen become Rust escapes such as `\u{1b}`. The result is cut with `…` at
/// `bytes` bytes.
#[must_use]
pub fn join_lines(text: &str, bytes: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(bytes));
    for c in text.chars() {
        let before = shown.len();
        if c.is_control() || is_bidi_control(c) || is_unseen(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        if shown.len() > bytes {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

/// Returns whether a character is not seen, so that two different texts look alike. Joiners and
/// variation selectors belong to some scripts and to emojis.
fn is_unseen(c: char) -> bool {
    let is_of_script = matches!(c, '\u{180b}'..='\u{180d}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
    is_ignorable(c) && !is_of_script
}

/// Cuts a text with `…` if it is longer than `bytes` bytes.
#[must_use]
pub fn truncate(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return text.into();
    }
    [&text[..text.floor_char_boundary(bytes)], "…"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::{has_visible_character, join_lines, truncate};

    #[test]
    fn marks_and_blanks_alone_are_not_seen() {
        for unseen in ["", " \t", "\u{301}", " \u{301}\u{20dd}\u{903}", "\u{200b}\u{feff}", "\u{2800}"] {
            assert!(!has_visible_character(unseen), "{unseen:?}");
        }
        for seen in ["a", "e\u{301}", "की", "7", "."] {
            assert!(has_visible_character(seen), "{seen:?}");
        }
    }

    #[test]
    fn what_controls_a_terminal_is_escaped() {
        assert_eq!(
            join_lines("a\n\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2028}ü", 100),
            "a\\n\\u{1b}[2J\\u{7f}\\u{9b}\\u{202e}\\u{2028}ü"
        );
        assert_eq!(join_lines("A\u{200b}da\u{feff}\u{ad}", 100), "A\\u{200b}da\\u{feff}\\u{ad}");
        assert_eq!(join_lines("क\u{200d}ष", 100), "क\u{200d}ष");
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!((truncate("abc", 3), truncate("aüü", 4)), ("abc".into(), "aü…".into()));
        assert_eq!(join_lines("abc", 3), "abc");
        assert_eq!(join_lines("abcd", 3), "abc…");
        assert_eq!(join_lines("aüü", 4), "aü…");
        assert_eq!(join_lines("a\u{1b}", 4), "a…");
    }
}
