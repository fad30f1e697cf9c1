//! Policy documents, and where they stand.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::place::without_place;
use crate::reading::{InputError, end_of_unknown, in_plain_words, path_at, read_json, read_text, shown};
use crate::sandbox::{Failure, Plugin, Settings, SettingsError};

/// A policy document. By default the one of which every key has its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its text, a JSON object.
    pub text: String,
    /// Where it stands; none if nobody has written it.
    pub origin: Option<Origin>,
}

/// Where a document stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// Line and column of its beginning in the file, from 1.
    pub place: (usize, usize),
}

/// A plugin does not take a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Something in a file is not as expected.
    #[error(transparent)]
    InFile(InputError),
    /// There is no file to blame.
    #[error("plugin {plugin} does not take the policy `{{}}`, which is used where none is given: {message}")]
    Default {
        /// The plugin's name in messages.
        plugin: String,
        /// The plugin's words.
        message: String,
    },
}

impl Default for Document {
    fn default() -> Self {
        Self { text: "{}".to_owned(), origin: None }
    }
}

impl Document {
    /// Reads a file that is a JSON object as a whole.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not a JSON object, with the place in it.
    pub fn read(file: &Path) -> Result<Self, InputError> {
        let text = read_text(file)?;
        read_json::<Map<String, Value>>(file, &text)?;
        Ok(Self { text, origin: Some(Origin { file: file.to_owned(), place: (1, 1) }) })
    }

    /// Whether the plugin takes it as its policy.
    ///
    /// # Errors
    ///
    /// The outer one when the plugin fails, the inner one when it does not.
    pub fn check(&self, plugin: &Plugin) -> Result<Result<(), PolicyError>, Failure> {
        let checked = plugin.check_settings(&self.text)?;
        Ok(checked.map_err(|error| self.error(plugin.name(), &error)))
    }

    /// The text as a plugin's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::new(self.text.as_str())
    }

    /// An error in the document, at its place in the file.
    #[must_use]
    pub fn error(&self, plugin: &str, error: &SettingsError) -> PolicyError {
        let SettingsError { line, column, ref message } = *error;
        let message = in_plain_words(without_place(message, line, column));
        let (line, column) = match message.starts_with("unknown value") {
            true => end_of_unknown(&self.text, (line, column)),
            false => (line, column),
        };
        let Some(Origin { file, place: (first_line, first_column) }) = &self.origin else {
            return PolicyError::Default { plugin: plugin.to_owned(), message };
        };
        let place = match (line, column) {
            (0, _) => (*first_line, *first_column),
            (1, column) => (*first_line, first_column + column.max(1) - 1),
            (line, column) => (first_line + line - 1, column.max(1)),
        };
        let path = path_at(&self.text, (line, column), message.starts_with("missing field"));
        // A message that begins with a key names its own.
        let names_it = path.is_empty() || message.starts_with('`') || message.contains(&format!("`{path}`"));
        let key = if names_it { String::new() } else { format!("`{path}`: ") };
        PolicyError::InFile(InputError {
            file: shown(file),
            place: Some(place),
            message: format!("the policy: {key}{message}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, Origin};
    use crate::sandbox::SettingsError;

    fn told(document: &Document, line: usize, column: usize, message: &str) -> String {
        document.error("p.wasm", &SettingsError { line, column, message: message.to_owned() }).to_string()
    }

    #[test]
    fn a_policy_that_nobody_wrote_is_blamed_on_no_file() {
        assert_eq!(
            told(&Document::default(), 1, 2, "missing field `secret` at line 1 column 2"),
            "plugin p.wasm does not take the policy `{}`, which is used where none is given: missing field `secret`"
        );
    }

    #[test]
    fn a_place_is_told_once() {
        let origin = Some(Origin { file: "case.json".into(), place: (5, 11) });
        let document = Document { text: "{\"mode\": 7}".to_owned(), origin };
        for message in ["expected a text", "expected a text at line 1 column 10"] {
            assert_eq!(
                told(&document, 1, 10, message),
                "case.json, line 5, column 20: the policy: `mode`: expected a text"
            );
        }
        assert_eq!(told(&document, 0, 0, "it is bad"), "case.json, line 5, column 11: the policy: it is bad");
    }
}
