//! `ligature policy`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;

use super::plugin::PluginArgs;
use super::{Exit, Outcome, print};
use crate::harness::Document;

/// Works with policy files: the JSON document that tells a plugin when to link.
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
    /// a good policy with its SHA-256, which every outcome carries.
    Check {
        /// The policy file
        file: PathBuf,
        #[command(flatten)]
        plugin: PluginArgs,
    },
}

impl Args {
    pub(super) fn execute(self) -> Outcome {
        let Command::Check { file, plugin } = self.command;
        let document = Document::read(&file).map_err(Exit::unreadable)?;
        let sandbox = plugin.sandbox()?;
        let plugin = plugin.load(&sandbox)?;
        match plugin.check_settings(&document.text) {
            Ok(Ok(())) => {
                print(&format!("{}: good, sha256 {}\n", file.display(), document.settings().sha256()))
            }
            Ok(Err(error)) => Err(Exit::unreadable(document.error(&error))),
            Err(failure) => Err(Exit::failed(anyhow!(
                "plugin {} {failure}, while checking {}",
                plugin.name(),
                file.display()
            ))),
        }
    }
}
