//! `ligature policy`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;
use serde::Serialize;

use super::plugin::PluginArgs;
use super::{Exit, Outcome, UNREADABLE, print, print_json};
use crate::ambient::Ambient;
use crate::harness::{Document, PolicyError};
use crate::reading::shown;
use crate::sandbox::{Failure, Plugin, SettingsWarning};
use crate::terminal::{Json, Text};

/// Check policy files
///
/// A policy file is the JSON document that tells a plugin when to link.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature policy check my-policy.json")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a policy file before any login uses it
    ///
    /// Unknown keys, wrong types and contradictions are told with their place;
    /// a good policy with its SHA-256, which every outcome carries. Options that
    /// open an attack, or that have no effect, are warned of.
    Check {
        /// The policy file; `-` for standard input
        file: PathBuf,
        #[command(flatten)]
        plugin: PluginArgs,
        /// Print JSON instead of lines
        #[arg(long)]
        json: bool,
    },
}

/// The result of a check, for programs.
#[derive(Debug, Serialize)]
struct Checked<'a> {
    file: String,
    /// Whether the plugin takes the policy.
    is_good: bool,
    /// Hash of the document, as every outcome carries it.
    sha256: &'a str,
    /// Whether the plugin describes its settings; nothing is checked otherwise.
    is_described: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
    warnings: Vec<About<'a>>,
}

#[derive(Debug, Serialize)]
struct Fault {
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

#[derive(Debug, Serialize)]
struct About<'a> {
    key: &'a str,
    /// Its id in `docs/security.md`.
    attack: Option<&'a str>,
    message: &'a str,
}

/// A line about an option, with the id of the attack that it opens.
fn in_words(warning: &SettingsWarning) -> String {
    let SettingsWarning { key, attack, message } = warning;
    let attack = attack.as_ref().map(|id| format!(" ({id} in docs/security.md)")).unwrap_or_default();
    format!("warning: `{key}`: {message}{attack}")
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        let Command::Check { file, plugin, json } = self.command;
        let document = Document::read(&file)?;
        let sandbox = plugin.sandbox(ambient)?;
        let plugin = plugin.load(&sandbox)?;
        let failed = |failure: Failure| {
            Exit::failed(anyhow!("plugin {} {failure}, while checking {}", plugin.name(), shown(&file)))
        };
        let refused = plugin.check_settings(&document.text).map_err(failed)?.err();
        let error = refused.map(|error| document.error(plugin.name(), &error));
        let warnings = match &error {
            None => plugin.settings_warnings(&document.text).map_err(failed)?,
            Some(_) => Vec::new(),
        };
        let settings = document.settings();
        if json {
            let checked = Checked {
                file: shown(&file),
                is_good: error.is_none(),
                sha256: settings.sha256(),
                is_described: plugin.has_settings(),
                error: error.as_ref().map(fault),
                warnings: warnings.iter().map(about).collect(),
            };
            print_json(&Json::pretty(&checked).map_err(Exit::failed)?)?;
        }
        match error {
            Some(_) if json => Err(Exit::silently(UNREADABLE)),
            Some(error) => Err(Exit::unreadable(error)),
            None if json => Ok(()),
            None => print(&page(&shown(&file), settings.sha256(), &plugin, &warnings)),
        }
    }
}

fn page(file: &str, sha256: &str, plugin: &Plugin, warnings: &[SettingsWarning]) -> Text {
    let said = if plugin.has_settings() { "good" } else { "a JSON object" };
    let mut text = Text::one(format!("{file}: {said}, sha256 {sha256}"));
    if !plugin.has_settings() {
        text.line(format!(
            "warning: plugin {} does not describe its settings: nothing in it was checked",
            plugin.name()
        ));
    }
    for warning in warnings {
        text.line(in_words(warning));
    }
    text
}

fn fault(error: &PolicyError) -> Fault {
    match error {
        PolicyError::InFile(error) => {
            let (line, column) = error.place.unzip();
            Fault { line, column, message: error.message.clone() }
        }
        error @ PolicyError::Default { .. } => Fault { line: None, column: None, message: error.to_string() },
    }
}

fn about(warning: &SettingsWarning) -> About<'_> {
    About { key: &warning.key, attack: warning.attack.as_deref(), message: &warning.message }
}
