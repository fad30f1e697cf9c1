//! Policy documents as a plugin gets them, and what a plugin says about them.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A policy document, a JSON object, and the hash that the journal records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    text: String,
    sha256: Arc<str>,
}

impl Settings {
    /// A policy document with this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let sha256 = sha256_hex(text.as_bytes()).into();
        Self { text, sha256 }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &Arc<str> {
        &self.sha256
    }
}

/// A fault in a policy document, and its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SettingsError {
    /// The line in the document, from 1; 0 if the fault is in the whole document.
    pub line: usize,
    /// The column in the line, from 1; 0 if the fault is in the whole document.
    pub column: usize,
    /// The fault, in words.
    pub message: String,
}

/// A warning about an option of a policy document that weakens a protection, or
/// that has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsWarning {
    /// The option's key.
    pub key: String,
    /// The id of the attack that the option enables, from the plugin's
    /// documentation.
    pub attack: Option<String>,
    /// One sentence for people.
    pub message: String,
}

/// Returns the SHA-256 of bytes, in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
