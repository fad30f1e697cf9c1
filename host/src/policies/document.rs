//! Policy documents: reading them, and checking them with the plugin.
//!
//! Every reader of a policy document (a flag, a case, an entry of a policies file
//! or of `tenant.toml`, the first reading and every later one) goes through
//! [`PolicyDocument`], so that each of them reports a fault in the same words.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::entry::PoliciesFile;
use super::toml_entry::TomlEntry;
use crate::reading::{
    InputError, JsonPath, Located, Place, display_path, find_key, is_of_object, locate, offset, read_json,
    read_text, rewrite_message, strip_place,
};
use crate::sandbox::{Failure, Plugin, Settings, SettingsError};

/// A policy document. By default the empty object, where every key has its
/// default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDocument {
    /// The text of the document, a JSON object.
    pub text: String,
    /// The origin of the document; none for the default.
    pub origin: Option<Origin>,
}

/// The origin of a policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The document is a JSON file.
    Json {
        /// The file.
        file: PathBuf,
        /// Line and column of the document's beginning in the file, from 1.
        place: (usize, usize),
    },
    /// The document is the table `settings` of an entry `[[policy]]` in a TOML file.
    Toml(TomlEntry),
}

impl Origin {
    /// The file that it stands in.
    #[must_use]
    pub fn file(&self) -> &Path {
        match self {
            Self::Json { file, .. } => file,
            Self::Toml(entry) => entry.file(),
        }
    }

    /// The place in the file of something in the document.
    fn place(&self, located: &Located) -> Option<Place> {
        match self {
            Self::Json { place: (first_line, first_column), .. } => Some(match located.place {
                (0, _) => (*first_line, *first_column),
                (1, column) => (*first_line, first_column + column.max(1) - 1),
                (line, column) => (first_line + line - 1, column.max(1)),
            }),
            Self::Toml(entry) => entry.place(&located.path, located.is_key),
        }
    }
}

/// The reason why a policy document is not used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// A fault in a file.
    #[error(transparent)]
    InFile(#[from] InputError),
    /// The plugin refuses the default document. There is no file to name.
    #[error("plugin {plugin} does not accept the policy `{{}}`, which is used if none is given: {message}")]
    Default {
        /// The plugin's name in messages.
        plugin: String,
        /// The plugin's message.
        message: String,
    },
    /// The plugin fails while it checks the document.
    #[error("plugin {plugin} {why}, while checking the policy {document}")]
    Failed {
        /// The plugin's name in messages.
        plugin: String,
        /// The document, in words.
        document: String,
        /// The failure.
        why: Failure,
    },
}

/// An option of a policy document that gives a protection up or has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWarning {
    /// The document's file; none for the default document.
    pub file: Option<String>,
    /// Line and column of the key, from 1; none where the document does not have
    /// the key, such as one that a preset sets.
    pub place: Option<(usize, usize)>,
    /// The key.
    pub key: String,
    /// The id in `docs/security.md` of the attack that the option opens, if it
    /// opens one.
    pub attack: Option<String>,
    /// The plugin's message.
    pub message: String,
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attack =
            self.attack.as_ref().map(|id| format!(" ({id} in docs/security.md)")).unwrap_or_default();
        let message = format!("the policy: `{}`: {}{attack}", self.key, self.message);
        match &self.file {
            Some(file) => InputError { file: file.clone(), place: self.place, message }.fmt(f),
            None => f.write_str(&message),
        }
    }
}

impl Default for PolicyDocument {
    fn default() -> Self {
        Self { text: "{}".to_owned(), origin: None }
    }
}

impl PolicyDocument {
    /// Reads a file that is a JSON object as a whole.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not a JSON object, with the place in it.
    pub fn read_file(file: &Path) -> Result<Self, InputError> {
        let text = read_text(file)?;
        match read_json::<Map<String, Value>>(file, &text) {
            Ok(_) => Ok(Self::from_json_value(file, (1, 1), text)),
            Err(error) => Err(if PoliciesFile::has_policies(&text) {
                let why =
                    "this is a policies file; a policy document is JSON with the settings of one policy";
                InputError::for_file(file, why)
            } else {
                error
            }),
        }
    }

    /// The document of this text, which is part of a JSON file.
    #[must_use]
    pub fn from_json_value(file: &Path, place: (usize, usize), text: String) -> Self {
        Self { text, origin: Some(Origin::Json { file: file.to_owned(), place }) }
    }

    /// The document of an entry's table `settings`.
    ///
    /// # Errors
    ///
    /// When it holds a value that JSON does not have, with the place in the file.
    pub(super) fn from_toml_table(settings: &toml::Table, entry: TomlEntry) -> Result<Self, InputError> {
        let text = entry.as_json(settings)?;
        Ok(Self { text, origin: Some(Origin::Toml(entry)) })
    }

    /// Has the plugin check the document. A plugin without settings takes every
    /// document.
    ///
    /// # Errors
    ///
    /// When the plugin refuses it, with the place in the file, or fails.
    pub fn check(&self, plugin: &Plugin) -> Result<Settings, PolicyError> {
        match plugin.check_settings(&self.text) {
            Ok(Ok(())) => Ok(self.settings()),
            Ok(Err(refusal)) => Err(self.refusal(plugin.name(), &refusal)),
            Err(why) => Err(self.describe_failure(plugin, why)),
        }
    }

    /// The options of a checked document that give a protection up or have no
    /// effect, as the plugin reports them.
    ///
    /// # Errors
    ///
    /// When the plugin fails.
    pub fn warnings(&self, plugin: &Plugin) -> Result<Vec<PolicyWarning>, PolicyError> {
        let warnings =
            plugin.settings_warnings(&self.text).map_err(|why| self.describe_failure(plugin, why))?;
        let located = warnings.into_iter().map(|warning| {
            let key = find_key(&self.text, &warning.key).map(|(key, _)| key);
            let place = self.origin.as_ref().and_then(|origin| origin.place(&key?));
            PolicyWarning {
                file: self.origin.as_ref().map(|origin| display_path(origin.file())),
                place,
                key: warning.key,
                attack: warning.attack,
                message: warning.message,
            }
        });
        Ok(located.collect())
    }

    /// The text as a plugin's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::new(self.text.as_str())
    }

    fn describe_failure(&self, plugin: &Plugin, why: Failure) -> PolicyError {
        let document = match &self.origin {
            Some(origin) => format!("of {}", display_path(origin.file())),
            None => "`{}`".to_owned(),
        };
        PolicyError::Failed { plugin: plugin.name().to_owned(), document, why }
    }

    /// A plugin's refusal of the document, at its place in the file.
    fn refusal(&self, plugin: &str, error: &SettingsError) -> PolicyError {
        let SettingsError { line, column, ref message } = *error;
        let message = rewrite_message(strip_place(message, line, column));
        let Some(origin) = &self.origin else {
            return PolicyError::Default { plugin: plugin.to_owned(), message };
        };
        let located = self.located(&message, (line, column));
        let key = prefix(&message, &located);
        PolicyError::InFile(InputError {
            file: display_path(origin.file()),
            place: origin.place(&located),
            message: format!("the policy: {key}{message}"),
        })
    }

    /// The value or key that a plugin's message is about. A message that begins
    /// with a key is about that key, wherever the plugin has placed it.
    fn located(&self, message: &str, place: Place) -> Located {
        let named = find_quoted_word(message).and_then(|path| find_key(&self.text, path));
        let at = offset(&self.text, place);
        match named {
            Some((key, bytes)) if !at.is_some_and(|at| bytes.contains(&at)) => key,
            _ if place.0 == 0 => Located::default(),
            _ => locate(&self.text, place, is_of_object(message)),
        }
    }
}

/// The word in backticks that a message begins with, if a colon follows it.
fn find_quoted_word(message: &str) -> Option<&str> {
    let (word, behind) = message.strip_prefix('`')?.split_once('`')?;
    behind.starts_with(':').then_some(word)
}

/// The path that is put before a message: none where the message names it.
fn prefix(message: &str, located: &Located) -> String {
    let names = |path: &JsonPath| message.contains(&format!("`{path}`"));
    let path = match located.path.last_key() {
        Some(key) if located.is_key && message.contains(&format!("`{key}`")) => located.path.parent(),
        _ => located.path.clone(),
    };
    let top = located.path.first_key().unwrap_or_default();
    let is_within_top = |path: &str| {
        path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    if path.is_empty() || names(&path) || find_quoted_word(message).is_some_and(is_within_top) {
        String::new()
    } else {
        format!("`{path}`: ")
    }
}

#[cfg(test)]
mod tests {
    use super::PolicyDocument;
    use crate::sandbox::SettingsError;

    fn refusal(document: &PolicyDocument, line: usize, column: usize, message: &str) -> String {
        document.refusal("p.wasm", &SettingsError { line, column, message: message.to_owned() }).to_string()
    }

    /// The refusal of a document that is a file of its own.
    fn refused(text: &str, place: (usize, usize), message: &str) -> String {
        let document = PolicyDocument::from_json_value("p.json".as_ref(), (1, 1), text.to_owned());
        refusal(&document, place.0, place.1, message)
    }

    #[test]
    fn a_message_that_begins_with_an_element_gets_no_second_path() {
        let text = r#"{ "domains": ["example.com", "a@b"] }"#;
        assert_eq!(
            refused(text, (1, 14), "`domains[1]`: expected a domain"),
            "p.json, line 1, column 14: the policy: `domains[1]`: expected a domain"
        );
    }

    #[test]
    fn the_default_document_has_no_file() {
        assert_eq!(
            refusal(&PolicyDocument::default(), 1, 2, "missing field `secret` at line 1 column 2"),
            "plugin p.wasm does not accept the policy `{}`, which is used if none is given: missing field \
             `secret`"
        );
    }

    #[test]
    fn a_place_is_reported_once() {
        let document =
            PolicyDocument::from_json_value("case.json".as_ref(), (5, 11), "{\"mode\": 7}".to_owned());
        for message in ["expected a text", "expected a text at line 1 column 10"] {
            assert_eq!(
                refusal(&document, 1, 10, message),
                "case.json, line 5, column 20: the policy: `mode`: expected a text"
            );
        }
        assert_eq!(
            refusal(&document, 0, 0, "it is bad"),
            "case.json, line 5, column 11: the policy: it is bad"
        );
    }

    #[test]
    fn the_last_value_is_the_place_and_not_the_bracket_behind_it() {
        let own = "`x` is no domain";
        for (text, place, expected) in [
            ("{\n  \"a\": 1,\n  \"b\": \"x\"\n}\n", (4, 1), "line 3, column 10: the policy: `b`"),
            ("{\r\n  \"b\": \"x\"\r\n}", (3, 1), "line 2, column 10: the policy: `b`"),
            ("{\"b\": \"x\"}", (1, 10), "line 1, column 9: the policy: `b`"),
            ("{\"b\": [\"x\"\n]}", (2, 1), "line 1, column 10: the policy: `b[0]`"),
            ("{\"a\": {\"b\": true\n}\n}", (2, 1), "line 1, column 16: the policy: `a.b`"),
            ("{\"b\": {}\n}", (2, 1), "line 1, column 7: the policy: `b`"),
            ("{\"b\": null,\n\"c\": 1}", (1, 11), "line 1, column 10: the policy: `b`"),
        ] {
            assert_eq!(refused(text, place, own), format!("p.json, {expected}: {own}"), "{text}");
        }
    }

    #[test]
    fn a_key_is_reported_once() {
        let text = "{\"prompts\": {\"max\": 1}}";
        for (place, message, expected) in [
            ((1, 21), "must be even", "column 21: the policy: `prompts.max`: must be even"),
            ((1, 18), "unknown field `max`", "column 18: the policy: `prompts`: unknown field `max`"),
            ((1, 21), "`prompts.max`: must be even", "column 21: the policy: `prompts.max`: must be even"),
            ((1, 21), "`prompts`: must be even", "column 21: the policy: `prompts`: must be even"),
            ((1, 22), "missing field `mode`", "column 22: the policy: `prompts`: missing field `mode`"),
            ((1, 23), "missing field `mode`", "column 23: the policy: missing field `mode`"),
        ] {
            assert_eq!(refused(text, place, message), format!("p.json, line 1, {expected}"));
        }
    }

    #[test]
    fn a_message_that_begins_with_a_key_is_placed_at_that_key() {
        let text = "{\n \"a\": [\"b\"],\n \"b\": 1\n}";
        for place in [(0, 0), (2, 8), (4, 1)] {
            let expected = "p.json, line 3, column 2: the policy: `b`: is 1";
            assert_eq!(refused(text, place, "`b`: is 1"), expected);
        }
    }
}
