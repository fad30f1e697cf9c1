//! A fault in a file, and the name of the file in messages.

use std::fmt;
use std::path::Path;

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
