//! The characters that are printed unescaped.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Returns whether a character is visible and has no other effect. Not plain are
/// controls (C0, DEL, C1), line separators, format characters (bidi marks, joiners,
/// tags), characters without a meaning (unassigned, private), and characters that
/// software ignores (fillers, variation selectors).
///
/// The joiners U+200C and U+200D are not plain, although Persian and emoji use them,
/// because they are invisible in an id.
pub(super) fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let category = c.general_category();
    !matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    ) && !is_ignorable(c)
}

/// Returns whether a character has the property `Default_Ignorable_Code_Point` of the
/// Unicode Character Database. Format characters and unassigned ones are not listed.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{e0100}'..='\u{e01ef}')
}
