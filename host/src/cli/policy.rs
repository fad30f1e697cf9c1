//! `ligature policy`.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use super::plugin::PluginArgs;
use super::{Exit, Outcome, UNREADABLE, print, print_json};
use crate::ambient::Ambient;
use crate::policies::{PolicyDocument, PolicyError, PolicyWarning};
use crate::reading::shown;
use crate::sandbox::Plugin;
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
    line: Option<usize>,
    column: Option<usize>,
    /// Its id in `docs/security.md`.
    attack: Option<&'a str>,
    message: &'a str,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        let Command::Check { file, plugin, json } = self.command;
        let document = PolicyDocument::read(&file)?;
        let sandbox = plugin.sandbox(ambient)?;
        let plugin = plugin.load(&sandbox)?;
        let error = match document.check(&plugin) {
            Ok(_) => None,
            Err(failed @ PolicyError::Failed { .. }) => return Err(failed.into()),
            Err(refusal) => Some(refusal),
        };
        let warnings = if error.is_none() { document.warnings(&plugin)? } else { Vec::new() };
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
            Some(error) => Err(error.into()),
            None if json => Ok(()),
            None => print(&page(&shown(&file), settings.sha256(), &plugin, &warnings)),
        }
    }
}

fn page(file: &str, sha256: &str, plugin: &Plugin, warnings: &[PolicyWarning]) -> Text {
    let said = if plugin.has_settings() { "good" } else { "a JSON object" };
    let mut text = Text::one(format!("{file}: {said}, sha256 {sha256}"));
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

fn fault(error: &PolicyError) -> Fault {
    match error {
        PolicyError::InFile(error) => {
            let (line, column) = error.place.unzip();
            Fault { line, column, message: error.message.clone() }
        }
        error => Fault { line: None, column: None, message: error.to_string() },
    }
}

fn about(warning: &PolicyWarning) -> About<'_> {
    let (line, column) = warning.place.unzip();
    About { key: &warning.key, line, column, attack: warning.attack.as_deref(), message: &warning.message }
}
