//! Readers of JSON and TOML texts that people write. Every reader reports faults in
//! plain words, with file, line, column and key.

mod bounded_file;
mod json;
mod place;
mod secret_file;
mod toml;
mod words;

use std::fmt;
use std::path::Path;

pub(crate) use bounded_file::read_bounded_file;
pub(crate) use json::is_of_object;
pub use json::{ParseFault, parse_json, read_json, read_text};
pub(crate) use place::{JsonPath, Located, PathStep, Place, find_key, locate, offset, place_behind};
pub(crate) use secret_file::{read_secret_file, read_secret_text};
pub(crate) use toml::{object, read_toml, read_toml_text};
pub(crate) use words::{find_nearest, rewrite_message, strip_place};

/// A fault in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The file.
    pub file: String,
    /// Line and column, from 1, where there is a place.
    pub place: Option<(usize, usize)>,
    /// The fault, and the expected form.
    pub message: String,
}

impl InputError {
    /// A fault of a file as a whole.
    pub fn for_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: display_path(file), place: None, message: message.into() }
    }

    /// The message without the file's name, for a context that names it.
    #[must_use]
    pub fn message_without_file(&self) -> String {
        match self.place {
            Some((line, column)) => format!("line {line}, column {column}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => {
                write!(f, "{}, line {line}, column {column}: {}", self.file, self.message)
            }
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for InputError {}

/// The name of standard input where a file is named.
pub const STANDARD_INPUT: &str = "-";

/// Returns the name of a file in messages.
#[must_use]
pub fn display_path(file: &Path) -> String {
    if file == Path::new(STANDARD_INPUT) { "standard input".to_owned() } else { file.display().to_string() }
}

/// Describes an error of the system, for people: without the number that Rust appends.
pub(crate) fn describe_io_error(error: &std::io::Error) -> String {
    let words = error.to_string();
    let Some(code) = error.raw_os_error() else { return words };
    words.trim_end_matches(&format!(" (os error {code})")).to_owned()
}

/// Describes an error of reading a file, for people.
pub(crate) fn describe_read_error(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "this is a directory; expected a file".to_owned(),
        // The error of a bounded reading is for people.
        std::io::ErrorKind::FileTooLarge => error.to_string(),
        std::io::ErrorKind::PermissionDenied => "it may not be read: permission denied".to_owned(),
        _ => format!("it cannot be read: {}", describe_io_error(error)),
    }
}
