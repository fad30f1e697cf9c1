//! Escapes every text that a person reads on a terminal or in a log.
//!
//! Names, addresses, and the texts of plugins and errors are foreign. A control
//! character in them could move the cursor, fill the clipboard, or begin a line that
//! looks like one of this program; a bidi mark could reverse the line; an invisible
//! character could make two ids look alike.
//!
//! | output | escaped |
//! |---|---|
//! | [`Text`] | every span, own and foreign; the styles and line ends are added afterwards |
//! | [`Json`] | every string: `\u202e` instead of the character, so the value is the same |
//! | [`escape`] | one text, for a field of a log line |
//!
//! All three use the same table, in `characters.rs`.

mod characters;
mod escape;
mod json;
mod text;

pub use escape::escape;
pub use json::Json;
pub(crate) use json::{escape_json, write_json};
pub(crate) use text::line;
pub use text::{Line, Span, Text, bad, care, dim, good, head};
