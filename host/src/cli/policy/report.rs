//! The result of checking one policy.

use serde::Serialize;

use crate::policies::{PolicyError, PolicyWarning};
use crate::reading::InputError;
use crate::sandbox::{Plugin, Settings};
use crate::terminal::Text;

/// The result of checking a policy document, as JSON.
#[derive(Debug, Default, Serialize)]
pub(super) struct CheckResult<'a> {
    /// Whether the plugin accepts the document.
    pub(super) is_good: bool,
    /// SHA-256 of the document, as in every outcome; none if it was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<&'a str>,
    /// Whether the plugin describes its settings; if not, nothing is checked. None if the plugin is not
    /// known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_described: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<CheckError>,
    pub(super) warnings: Vec<CheckWarning<'a>>,
}

/// The reason against a policy.
#[derive(Debug, Serialize)]
pub(super) struct CheckError {
    /// The file that line and column belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

#[derive(Debug, Serialize)]
pub(super) struct CheckWarning<'a> {
    key: &'a str,
    /// The file that line and column belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    /// The id of the attack in `docs/security.md`.
    attack: Option<&'a str>,
    message: &'a str,
}

impl From<&PolicyError> for CheckError {
    fn from(error: &PolicyError) -> Self {
        match error {
            PolicyError::InFile(InputError { file, place, message }) => {
                let (line, column) = place.unzip();
                Self { file: Some(file.clone()), line, column, message: message.clone() }
            }
            error => Self::without_place(error.to_string()),
        }
    }
}

impl CheckError {
    pub(super) fn without_place(message: String) -> Self {
        Self { file: None, line: None, column: None, message }
    }
}

impl<'a> From<&'a PolicyWarning> for CheckWarning<'a> {
    fn from(warning: &'a PolicyWarning) -> Self {
        let PolicyWarning { key, file, place, attack, message } = warning;
        let (line, column) = place.unzip();
        Self { key, file: file.as_deref(), line, column, attack: attack.as_deref(), message }
    }
}

/// Formats the result for a document that the plugin accepts.
pub(super) fn format_result(
    file: &str,
    settings: &Settings,
    plugin: &Plugin,
    warnings: &[PolicyWarning],
) -> Text {
    let verdict = if plugin.has_settings() { "good" } else { "a JSON object" };
    let mut text = Text::from_line(format!("{file}: {verdict}, sha256 {}", settings.sha256()));
    if !plugin.has_settings() {
        text.line(format!(
            "warning: plugin {} does not describe its settings: nothing in it was checked",
            plugin.name()
        ));
    }
    for warning in warnings {
        text.line(format!("warning: {warning}"));
    }
    if has_default_mode(settings, plugin) {
        text.line("note: `mode` is not set, and is `observe` then: nothing is linked");
    }
    text
}

/// Returns whether the built-in policy has its default mode, which neither the document nor a preset sets.
fn has_default_mode(settings: &Settings, plugin: &Plugin) -> bool {
    let keys: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(settings.text()).unwrap_or_default();
    plugin.name() == crate::PLUGIN_NAME && !keys.contains_key("mode") && !keys.contains_key("preset")
}
