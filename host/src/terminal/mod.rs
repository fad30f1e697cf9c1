//! The way out for every text that a person reads, in a terminal or a log.
//!
//! Names, addresses, a plugin's texts and an error's are written by others. A
//! control character in them would move the cursor, fill the clipboard, or begin
//! a line that looks like ours; a bidi mark would turn the line around; an
//! invisible character would make two ids look alike.
//!
//! | way out | what is harmless in it |
//! |---|---|
//! | [`Text`] | every span, own and foreign: styles and line ends are added by it |
//! | [`Json`] | every string: `\u202e` instead of the character, the same value |
//! | [`escape`] | one text, for a log's fields |
//!
//! All three ask one table, in `characters.rs`.

mod characters;
mod escape;
mod json;
mod text;

pub use escape::escape;
pub use json::Json;
pub(crate) use json::{escape_json, write_json};
pub(crate) use text::line;
pub use text::{Line, Span, Text, bad, care, dim, good, head};
