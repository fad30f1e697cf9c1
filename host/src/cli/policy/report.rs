//! The result of checking one policy.

use serde::Serialize;

use crate::policies::{PolicyError, PolicyWarning};
use crate::sandbox::Plugin;
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

pub(super) fn format_result(file: &str, sha256: &str, plugin: &Plugin, warnings: &[PolicyWarning]) -> Text {
    let verdict = if plugin.has_settings() { "good" } else { "a JSON object" };
    let mut text = Text::from_line(format!("{file}: {verdict}, sha256 {sha256}"));
    if !plugin.has_settings() {
        text.line(format!(
            "warning: plugin {} does not describe its settings: nothing in it was checked",
            plugin.name()
        ));
    }
    for warning in warnings {
        text.line(format!("warning: {warning}"));
    }
    text
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
