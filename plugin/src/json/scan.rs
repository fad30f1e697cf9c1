//! Finding the ends of values and names in JSON text.
//!
//! Fuel is counted by the instruction, and reading eight bytes at once costs as
//! much as reading one.

use std::cmp::Ordering;

/// An error: the text is not in the form that the host writes.
#[derive(Debug)]
pub(crate) struct UnexpectedForm;

/// The first eight bytes in which two texts differ.
pub(crate) fn order_of_eight(ours: u64, theirs: u64) -> Ordering {
    let place = (ours ^ theirs).trailing_zeros() & !7;
    (ours >> place & 0xff).cmp(&(theirs >> place & 0xff))
}

/// Eight bytes from this place on, zeros after the end.
pub(crate) fn load_word(bytes: &[u8], at: usize) -> u64 {
    if let Some([a, b, c, d, e, f, g, h, ..]) = bytes.get(at..) {
        return u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    match bytes.last_chunk() {
        Some(last) if !rest.is_empty() => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
        _ => rest.iter().rev().fold(0, |eight, byte| eight << 8 | u64::from(*byte)),
    }
}

/// Returns whether two texts are equal.
pub(crate) fn are_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() < 8 {
        return a == b;
    }
    let mut at = 0;
    while at < a.len() && load_word(a, at) == load_word(b, at) {
        at += 8;
    }
    a.len() == b.len() && at >= a.len()
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Marks the lowest byte of this value by its highest bit; zero if there is
/// none. Marks above the lowest may be wrong.
fn mark_byte(eight: u64, byte: u8) -> u64 {
    let zero_where_found = eight ^ (ONES * u64::from(byte));
    zero_where_found.wrapping_sub(ONES) & !zero_where_found & (ONES << 7)
}

/// Returns whether a text may hold control characters: a byte below the space, DEL, or the first byte
/// of U+0080 to U+009F, which other characters begin with, too.
pub(crate) fn may_hold_controls(bytes: &[u8]) -> bool {
    (0..bytes.len()).step_by(8).any(|at| {
        // The zeros after the end are no part of the text.
        let unused = 8_usize.saturating_sub(bytes.len() - at) * 8;
        let eight = load_word(bytes, at) | !(u64::MAX >> unused);
        let below_space = eight.wrapping_sub(ONES * u64::from(b' ')) & !eight & (ONES << 7);
        below_space | mark_byte(eight, 0x7f) | mark_byte(eight, 0xc2) != 0
    })
}

/// Marks the lowest byte that is a quote or a backslash.
pub(super) fn mark_quotes(eight: u64) -> u64 {
    mark_byte(eight, b'"') | mark_byte(eight, b'\\')
}

/// Returns whether there is a backslash, or a text that begins with a small letter and
/// is accepted; the test is given what follows the quote.
pub(crate) fn any_escape_or(bytes: &[u8], accepts: impl Fn(&[u8]) -> bool) -> bool {
    // The mark of a quote before these eight bytes, at the first of them.
    let mut quote_before = 0;
    let mut at = 0;
    while at < bytes.len() {
        let eight = load_word(bytes, at);
        let quotes = mark_byte(eight, b'"');
        let mut found = (quotes << 8 | quote_before) & eight << 1 & eight << 2;
        while found != 0 {
            let place = at + found.trailing_zeros() as usize / 8;
            if bytes[place - 1] == b'"' && accepts(&bytes[place..]) {
                return true;
            }
            found &= found - 1;
        }
        if mark_byte(eight, b'\\') != 0 {
            return true;
        }
        quote_before = quotes >> 56;
        at += 8;
    }
    false
}

/// Returns whether there is a capital ASCII letter.
pub(crate) fn holds_capital(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        let eight = load_word(bytes, at);
        let low = eight & !(ONES << 7);
        // The highest bit of each byte: set from `A` on, and from the byte behind `Z` on.
        let (from_a, behind_z) =
            (low + ONES * (0x80 - u64::from(b'A')), low + ONES * (0x7f - u64::from(b'Z')));
        if from_a & !behind_z & !eight & (ONES << 7) != 0 {
            return true;
        }
        at += 8;
    }
    false
}

/// Returns the number of bytes before the next quote or backslash.
pub(super) fn count_plain(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        let found = mark_quotes(load_word(bytes, at));
        if found != 0 {
            return at - from + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    bytes.len().saturating_sub(from)
}

/// Returns the position after the value that begins at `at`; fails if the text ends before
/// it.
#[inline(always)]
pub(super) fn skip_value(bytes: &[u8], at: usize) -> Result<usize, UnexpectedForm> {
    match KIND[usize::from(*bytes.get(at).ok_or(UnexpectedForm)?)] {
        QUOTE => skip_text(bytes, at + 1),
        OPENS => skip_brackets(bytes, at),
        SCALAR => {
            let mut end = at + 1;
            while KIND[usize::from(*bytes.get(end).ok_or(UnexpectedForm)?)] == SCALAR {
                end += 1;
            }
            Ok(end)
        }
        _ => Err(UnexpectedForm),
    }
}

fn skip_text(bytes: &[u8], mut at: usize) -> Result<usize, UnexpectedForm> {
    loop {
        at += count_plain(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(_) => at += 2,
            None => return Err(UnexpectedForm),
        }
    }
}

/// The kind of a byte outside of texts.
const KIND: [u8; 256] = {
    let mut kinds = [ODD; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' | b'a'..=b'z' | b'-' | b'.' | b'+' | b'E' => SCALAR,
            b',' | b':' => SEPARATOR,
            b'"' => QUOTE,
            b'{' | b'[' => OPENS,
            b'}' | b']' => CLOSES,
            _ => ODD,
        };
        byte += 1;
    }
    kinds
};
const SCALAR: u8 = 0;
const SEPARATOR: u8 = 1;
const QUOTE: u8 = 2;
const OPENS: u8 = 3;
const CLOSES: u8 = 4;
const ODD: u8 = 5;

fn skip_brackets(bytes: &[u8], mut at: usize) -> Result<usize, UnexpectedForm> {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match KIND[usize::from(*byte)] {
            SCALAR | SEPARATOR => {}
            QUOTE => at = skip_text(bytes, at)?,
            OPENS => depth += 1,
            CLOSES if depth == 1 => return Ok(at),
            CLOSES => depth -= 1,
            _ => return Err(UnexpectedForm),
        }
    }
    Err(UnexpectedForm)
}

/// The byte that an escape represents, and the escape's length. Other escapes
/// than serde_json's own are odd: one key could be written in two ways.
fn decode_escape(text: &[u8]) -> Option<(u8, usize)> {
    let byte = match text.get(1)? {
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'f' => 12,
        b'r' => b'\r',
        same @ (b'"' | b'\\') => *same,
        b'u' => {
            let digits = text.get(2..6)?;
            let low = match digits[3] {
                digit @ b'0'..=b'9' => digit - b'0',
                digit @ b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            let byte = low + if digits[2] == b'1' { 16 } else { 0 };
            let is_shortest = !matches!(byte, 8 | b'\t' | b'\n' | 12 | b'\r');
            let is_control = digits.starts_with(b"000") || digits.starts_with(b"001");
            return (is_control && is_shortest).then_some((byte, 6));
        }
        _ => return None,
    };
    Some((byte, 2))
}

/// The next byte of a name, and the number of bytes that it takes in the text.
pub(super) fn next_character(text: &[u8]) -> Option<(u8, usize)> {
    match text.first()? {
        b'\\' => decode_escape(text),
        byte => Some((*byte, 1)),
    }
}

pub(super) fn unescape(mut text: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (byte, length) = next_character(text)?;
        text = text.get(length..)?;
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{any_escape_or, holds_capital};

    proptest! {
        #[test]
        fn every_text_that_begins_with_a_small_letter_is_found(text in "[\"a-cA!é]{0,40}", escape in "\\\\?") {
            let bytes = text.as_bytes();
            let begins = |at: usize| bytes[at - 1] == b'"' && bytes[at..].starts_with(b"ab");
            let expected = (1..bytes.len()).any(begins);
            prop_assert_eq!(any_escape_or(bytes, |rest| rest.starts_with(b"ab")), expected);
            let escaped = [&text, escape.as_str()].concat();
            prop_assert_eq!(any_escape_or(escaped.as_bytes(), |_| false), !escape.is_empty());
        }

        #[test]
        fn a_capital_is_found_at_every_place(text in "[@-Z\\[`a-z{é\u{7f}]{0,40}") {
            prop_assert_eq!(holds_capital(text.as_bytes()), text.bytes().any(|byte| byte.is_ascii_uppercase()));
        }
    }
}
