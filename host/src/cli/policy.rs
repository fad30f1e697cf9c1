//! `ligature policy`.

mod report;
mod several;

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use self::report::{CheckError, CheckWarning, format_result, to_check_error, to_check_warning};
use super::plugin::PluginArgs;
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
    /// A file whose name ends with `.toml` is a policies file: each of its policies is checked with its own
    /// plugin and limits.
    Check {
        /// The policy file; `-` for standard input. Or a policies file, `*.toml`
        file: PathBuf,
        #[command(flatten)]
        plugin: PluginArgs,
        /// Print JSON instead of lines
        #[arg(long)]
        json: bool,
    },
}

/// The result of a check, as JSON.
#[derive(Debug, Serialize)]
struct CheckResult<'a> {
    file: String,
    /// Whether the plugin accepts the policy.
    is_good: bool,
    /// SHA-256 of the document, as in every outcome.
    sha256: &'a str,
    /// Whether the plugin describes its settings; if not, nothing is checked.
    is_described: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CheckError>,
    warnings: Vec<CheckWarning<'a>>,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let Command::Check { file, plugin, json } = self.command;
        if file.extension().is_some_and(|it| it.eq_ignore_ascii_case("toml")) {
            return several::check(&file, &plugin, json, ambient);
        }
        let document = PolicyDocument::read_file(&file)?;
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
            let checked = CheckResult {
                file: display_path(&file),
                is_good: error.is_none(),
                sha256: settings.sha256(),
                is_described: plugin.has_settings(),
                error: error.as_ref().map(to_check_error),
                warnings: warnings.iter().map(to_check_warning).collect(),
            };
            print_json(&Json::pretty(&checked).map_err(Exit::failed)?)?;
        }
        match error {
            Some(_) if json => Err(Exit::silently(UNREADABLE)),
            Some(error) => Err(error.into()),
            None if json => Ok(()),
            None => print(&format_result(&display_path(&file), &settings, &plugin, &warnings)),
        }
    }
}
