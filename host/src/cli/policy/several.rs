//! The check of a policies file.

use std::path::Path;

use serde::Serialize;

use super::report::{CheckError, CheckResult, format_result};
use crate::ambient::Ambient;
use crate::cli::output::print_fault;
use crate::cli::plugin::{PluginArgs, options_for_few_logins, while_compiling};
use crate::cli::policy_set::read_policies_file;
use crate::cli::{CommandResult, Exit, print, print_json};
use crate::policies::{LoadedPolicy, PoliciesFile, Source, SourceError};
use crate::reading::display_path;
use crate::sandbox::Options;
use crate::terminal::{Json, Text};

/// The result of checking a policies file, as JSON.
#[derive(Debug, Serialize)]
struct CheckedFile<'a> {
    file: String,
    /// Whether each plugin accepts its policy.
    is_good: bool,
    policies: Vec<NamedResult<'a>>,
}

#[derive(Debug, Serialize)]
struct NamedResult<'a> {
    name: &'a str,
    #[serde(flatten)]
    result: CheckResult<'a>,
}

/// A policy that its plugin accepts, or the reason against it.
type Checked = Result<LoadedPolicy, SourceError>;

/// Checks each policy of a policies file. The exit code is the largest of theirs.
pub(super) fn check(file: &Path, args: &PluginArgs, json: bool, ambient: &Ambient) -> CommandResult {
    let PoliciesFile { limits, policy } = read_policies_file(file)?;
    let options = args.options(Options { limits, ..options_for_few_logins() })?;
    let sources = Source::open_all(policy, &options, ambient)?;
    let checked: Vec<(&str, Checked)> = while_compiling("the policies", || {
        sources.iter().map(|source| (source.name(), source.check())).collect()
    });
    if json {
        let is_good = checked.iter().all(|(_, checked)| checked.is_ok());
        let policies = checked.iter().map(|(name, checked)| NamedResult { name, result: describe(checked) });
        let file = CheckedFile { file: display_path(file), is_good, policies: policies.collect() };
        print_json(&Json::pretty(&file).map_err(Exit::failed)?)?;
    } else {
        print_policies(file, &checked)?;
    }
    let codes =
        checked.into_iter().filter_map(|(_, checked)| checked.err()).map(|error| Exit::from(error).code);
    codes.max().map_or(Ok(()), |code| Err(Exit::silently(code)))
}

/// Prints the good policies, and the reasons against the others.
fn print_policies(file: &Path, checked: &[(&str, Checked)]) -> CommandResult {
    let mut text = Text::default();
    for policy in checked.iter().flat_map(|(_, checked)| checked) {
        let name = format!("{}: policy `{}`", display_path(file), policy.name);
        text.append(format_result(&name, &policy.settings, &policy.plugin, &policy.warnings));
    }
    print(&text)?;
    for (name, checked) in checked {
        if let Err(why) = checked {
            print_fault(&format!("policy `{name}`"), &why.to_string());
        }
    }
    Ok(())
}

fn describe(checked: &Checked) -> CheckResult<'_> {
    match checked {
        Ok(LoadedPolicy { plugin, settings, warnings, .. }) => CheckResult {
            is_good: true,
            sha256: Some(settings.sha256()),
            is_described: Some(plugin.has_settings()),
            error: None,
            warnings: warnings.iter().map(Into::into).collect(),
        },
        Err(SourceError::Policy(error)) => {
            CheckResult { error: Some(error.into()), ..CheckResult::default() }
        }
        Err(error) => {
            let error = Some(CheckError::without_place(error.to_string()));
            CheckResult { error, ..CheckResult::default() }
        }
    }
}
