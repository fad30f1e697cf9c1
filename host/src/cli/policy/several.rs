//! The check of a policies file.

use std::path::Path;

use anyhow::anyhow;
use serde::Serialize;

use super::report::{CheckError, CheckWarning, format_result, to_check_error, to_check_warning};
use crate::ambient::Ambient;
use crate::cli::plugin::{PluginArgs, options_for_few_logins, while_compiling};
use crate::cli::policy_set::read_policies_file;
use crate::cli::{CommandResult, Exit, UNREADABLE, print, print_error, print_json};
use crate::policies::{LoadedPolicy, PoliciesFile, PolicyError, Source, SourceError};
use crate::reading::display_path;
use crate::sandbox::{Cancel, Options};
use crate::terminal::{Json, Text, bad, line};

/// The result of checking a policies file, as JSON.
#[derive(Debug, Serialize)]
struct CheckedFile<'a> {
    file: String,
    /// Whether each plugin accepts its policy.
    is_good: bool,
    policies: Vec<CheckedPolicy<'a>>,
}

#[derive(Debug, Serialize)]
struct CheckedPolicy<'a> {
    name: &'a str,
    is_good: bool,
    /// SHA-256 of a good document, as in every outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    /// Whether the plugin of a good document describes its settings; if not, nothing is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_described: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CheckError>,
    warnings: Vec<CheckWarning<'a>>,
}

/// A policy that its plugin accepts, or the reason why it does not.
type Checked = Result<LoadedPolicy, PolicyError>;

/// Checks each policy of a policies file. A wrong one is an exit with code 2 after all are checked.
pub(super) fn check(file: &Path, args: &PluginArgs, json: bool, ambient: &Ambient) -> CommandResult {
    if args.file().is_some() {
        let file = file.display();
        return Err(Exit::unreadable(anyhow!(
            "{file}: a policies file names its plugins; leave --plugin out"
        )));
    }
    let PoliciesFile { limits, policy } = read_policies_file(file)?;
    let options = args.options(Options { limits, ..options_for_few_logins() })?;
    let sources = Source::open_all(policy, &options, ambient)?;
    let checked: Result<Vec<Checked>, SourceError> =
        while_compiling("the policies", || sources.iter().map(load).collect());
    let checked = checked?;
    let is_good = checked.iter().all(Result::is_ok);
    if json {
        let policies = sources.iter().zip(&checked).map(|(source, checked)| describe(source.name(), checked));
        let file = display_path(file);
        let file = CheckedFile { file, is_good, policies: policies.collect() };
        print_json(&Json::pretty(&file).map_err(Exit::failed)?)?;
    } else {
        print_policies(file, &checked)?;
    }
    if is_good { Ok(()) } else { Err(Exit::silently(UNREADABLE)) }
}

/// Prints the good policies, and the reasons against the others.
fn print_policies(file: &Path, checked: &[Checked]) -> CommandResult {
    let mut text = Text::default();
    for policy in checked.iter().flatten() {
        let name = format!("{}: policy `{}`", display_path(file), policy.name);
        text.append(format_result(&name, &policy.settings, &policy.plugin, &policy.warnings));
    }
    print(&text)?;
    for refused in checked.iter().filter_map(|it| it.as_ref().err()) {
        print_error(&Text::from_line(line![bad("error:").bold(), " ", refused.to_string()]));
    }
    Ok(())
}

/// Loads a policy. A plugin that does not load is an error; a document that it refuses is a result.
fn load(source: &Source) -> Result<Checked, SourceError> {
    match source.load(None, &Cancel::default()) {
        Ok(loaded) => Ok(Ok(loaded)),
        Err(SourceError::Policy(refused)) if !matches!(refused, PolicyError::Failed { .. }) => {
            Ok(Err(refused))
        }
        Err(error) => Err(error),
    }
}

fn describe<'a>(name: &'a str, checked: &'a Checked) -> CheckedPolicy<'a> {
    let good = checked.as_ref().ok();
    CheckedPolicy {
        name,
        is_good: good.is_some(),
        sha256: good.map(|it| &**it.settings.sha256()),
        is_described: good.map(|it| it.plugin.has_settings()),
        error: checked.as_ref().err().map(to_check_error),
        warnings: good.iter().flat_map(|it| &*it.warnings).map(to_check_warning).collect(),
    }
}
