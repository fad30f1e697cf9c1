//! `ligature policy`.

mod report;
mod several;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Subcommand;
use serde::Serialize;

use self::report::{CheckResult, format_result};
use super::plugin::PluginArgs;
use super::policy_set::PoliciesArgs;
use super::{CommandResult, Exit, UNREADABLE, print, print_json};
use crate::ambient::Ambient;
use crate::policies::{PolicyDocument, PolicyError};
use crate::reading::display_path;
use crate::terminal::Json;

/// Check policy files
///
/// A policy file is the JSON document by which a plugin decides when to link.
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
    /// Reports unknown keys, wrong types and contradictions with their place, and the
    /// SHA-256 of a valid policy, which every outcome contains. Warns about options that
    /// enable an attack or have no effect.
    ///
    /// With `--policies`, checks each policy of a policies file, with its own plugin and limits.
    #[command(
        override_usage = "ligature policy check [OPTIONS] <FILE>\n       ligature policy check [OPTIONS] --policies <FILE>"
    )]
    Check {
        /// The policy file; `-` for standard input
        #[arg(required_unless_present = "policies", conflicts_with = "policies")]
        file: Option<PathBuf>,
        #[command(flatten)]
        plugin: PluginArgs,
        #[command(flatten)]
        several: PoliciesArgs,
        /// Print JSON instead of lines
        #[arg(long)]
        json: bool,
    },
}

/// The result of checking a policy file, as JSON.
#[derive(Debug, Serialize)]
struct CheckedFile<'a> {
    file: String,
    #[serde(flatten)]
    result: CheckResult<'a>,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let Command::Check { file, plugin, several, json } = self.command;
        match (file, several.file()) {
            (_, Some(policies)) => several::check(policies, &plugin, json, ambient),
            (Some(file), None) => check(&file, &plugin, json, ambient),
            (None, None) => {
                Err(Exit::unreadable(anyhow!("name a policy file, or a policies file by --policies")))
            }
        }
    }
}

fn check(file: &Path, plugin: &PluginArgs, json: bool, ambient: &Ambient) -> CommandResult {
    let document = PolicyDocument::read_file(file)?;
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
        let result = CheckResult {
            is_good: error.is_none(),
            sha256: Some(settings.sha256()),
            is_described: Some(plugin.has_settings()),
            error: error.as_ref().map(Into::into),
            warnings: warnings.iter().map(Into::into).collect(),
        };
        let checked = CheckedFile { file: display_path(file), result };
        print_json(&Json::pretty(&checked).map_err(Exit::failed)?)?;
    }
    match error {
        Some(_) if json => Err(Exit::silently(UNREADABLE)),
        Some(error) => Err(error.into()),
        None if json => Ok(()),
        None => print(&format_result(&display_path(file), &settings, &plugin, &warnings)),
    }
}
