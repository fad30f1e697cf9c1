//! Which characters are shown as they are.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether a character shows itself and does nothing else. Not so: controls (C0,
/// DEL, C1), line separators, format characters (bidi marks, joiners, tags),
/// what has no meaning (unassigned, private), and what is ignored where it is
/// not known (fillers, variation selectors).
///
/// The joiners U+200C and U+200D are not plain, although Persian and emoji use
/// them: they are as invisible in an id as any other.
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

/// `Default_Ignorable_Code_Point` of the Unicode Character Database, without
/// those that are format characters or unassigned.
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
