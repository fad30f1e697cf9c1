//! `ligature policy`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;

use super::plugin::PluginArgs;
use super::{Exit, Outcome, print};
use crate::harness::Document;
use crate::sandbox::SettingsWarning;
use crate::terminal::Text;

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
        /// The policy file
        file: PathBuf,
        #[command(flatten)]
        plugin: PluginArgs,
    },
}

/// A line about an option, with the id of the attack that it opens.
fn in_words(warning: &SettingsWarning) -> String {
    let SettingsWarning { key, attack, message } = warning;
    let attack = attack.as_ref().map(|id| format!(" ({id} in docs/security.md)")).unwrap_or_default();
    format!("warning: `{key}`: {message}{attack}")
}

impl Args {
    pub(super) fn execute(self) -> Outcome {
        let Command::Check { file, plugin } = self.command;
        let document = Document::read(&file).map_err(Exit::unreadable)?;
        let sandbox = plugin.sandbox()?;
        let plugin = plugin.load(&sandbox)?;
        match plugin.check_settings(&document.text) {
            Ok(Ok(())) => {
                let warnings = plugin.settings_warnings(&document.text).map_err(|failure| {
                    Exit::failed(anyhow!(
                        "plugin {} {failure}, while checking {}",
                        plugin.name(),
                        file.display()
                    ))
                })?;
                let sha256 = document.settings().sha256().clone();
                let said = if plugin.has_settings() { "good" } else { "a JSON object" };
                let mut text = Text::one(format!("{}: {said}, sha256 {sha256}", file.display()));
                if !plugin.has_settings() {
                    text.line(format!(
                        "warning: plugin {} does not describe its settings: nothing in it was checked",
                        plugin.name()
                    ));
                }
                for warning in &warnings {
                    text.line(in_words(warning));
                }
                print(&text)
            }
            Ok(Err(error)) => Err(Exit::unreadable(document.error(plugin.name(), &error))),
            Err(failure) => Err(Exit::failed(anyhow!(
                "plugin {} {failure}, while checking {}",
                plugin.name(),
                file.display()
            ))),
        }
    }
}
