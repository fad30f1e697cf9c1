//! The result of checking one policy.

use serde::Serialize;

use crate::policies::{PolicyError, PolicyWarning};
use crate::sandbox::{Plugin, Settings};
use crate::terminal::Text;

#[derive(Debug, Serialize)]
pub(super) struct CheckError {
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

#[derive(Debug, Serialize)]
pub(super) struct CheckWarning<'a> {
    key: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    /// The id of the attack in `docs/security.md`.
    attack: Option<&'a str>,
    message: &'a str,
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

pub(super) fn to_check_error(error: &PolicyError) -> CheckError {
    match error {
        PolicyError::InFile(error) => {
            let (line, column) = error.place.unzip();
            CheckError { line, column, message: error.message.clone() }
        }
        error => CheckError { line: None, column: None, message: error.to_string() },
    }
}

pub(super) fn to_check_warning(warning: &PolicyWarning) -> CheckWarning<'_> {
    let (line, column) = warning.place.unzip();
    CheckWarning {
        key: &warning.key,
        line,
        column,
        attack: warning.attack.as_deref(),
        message: &warning.message,
    }
}
