//! `ligature test`.

mod results;

use std::path::{Path, PathBuf};

use similar::{ChangeTag, TextDiff};

use results::{CaseResult, CaseStatus, Results, to_milliseconds};

use super::case_files::list_case_files;
use super::directory::protect_environment_files;
use super::exit::describe_error;
use super::output_file::OutputFile;
use super::plugin::PluginArgs;
use super::policy_set::{OverrideArgs, Overrides, PoliciesArgs, PolicySet};
use super::{CommandResult, Exit, FAILED, UNREADABLE, print, print_json};
use crate::ambient::Ambient;
use crate::harness::{CaseSnapshot, Comparison, run_case_by_policies};
use crate::policies::{LoadedPolicy, PolicyError};
use crate::reading::{InputError, STANDARD_INPUT};
use crate::terminal::{Json, Line, Text, bad, care, dim, good, line};

/// Decide cases and compare each with its snapshot
///
/// Decides cases and compares each with its snapshot, `snapshots/NAME.snap` beside the
/// case.
///
/// A difference is shown, and the new result is written to `NAME.snap.new`, for `cargo
/// insta review` or for --accept. The files have insta's format.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature test tests/cases")]
pub(super) struct Args {
    /// Case files, or directories of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    plugin: PluginArgs,
    #[command(flatten)]
    several: PoliciesArgs,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// Write the current decisions as snapshots
    #[arg(long)]
    accept: bool,
    /// With --accept, also accept the failure of a plugin as a result
    #[arg(long, requires = "accept")]
    accept_failures: bool,
    /// Also write the results as JUnit XML, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// The policies that decide the cases, and the options that replace parts of each case.
struct TestPolicies {
    set: PolicySet,
    overrides: Overrides,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let start = ambient.monotonic();
        if self.paths.iter().any(|path| path == Path::new(STANDARD_INPUT)) {
            let why = "standard input has no place for a snapshot; `ligature run -` decides the case";
            return Err(Exit::unreadable(InputError::for_file(Path::new(STANDARD_INPUT), why)));
        }
        let files = list_case_files(&self.paths)?;
        let overrides = self.overrides.read_overrides()?;
        let protected = files
            .iter()
            .fold(protect_environment_files(), |protected, file| protected.with_file(file, "a case"));
        let junit = self.junit.as_deref().map(|file| OutputFile::new(file, &protected)).transpose()?;
        let policies =
            TestPolicies { set: PolicySet::load(&self.plugin, &self.several, ambient)?, overrides };
        let mut cases = Vec::with_capacity(files.len());
        for file in &files {
            let (result, text) = self.test_case(file, &policies, ambient)?;
            if !self.json {
                print(&text)?;
            }
            cases.push(result);
        }
        let results = Results::new(cases, ambient.elapsed(start));
        if let Some(file) = &junit {
            results.write_junit(file)?;
        }
        if self.json {
            print_json(&Json::pretty(&results).map_err(Exit::failed)?)?;
        } else {
            print(&format_summary(&results))?;
        }
        match () {
            () if results.has(CaseStatus::Unreadable) => Err(Exit::silently(UNREADABLE)),
            () if results.has(CaseStatus::Failed) => Err(Exit::silently(FAILED)),
            () => Ok(()),
        }
    }

    /// Tests one case. Returns its result, and the text that reports it.
    fn test_case(
        &self,
        file: &Path,
        policies: &TestPolicies,
        ambient: &Ambient,
    ) -> Result<(CaseResult, Text), Exit> {
        let start = ambient.monotonic();
        let new_result = |title: &str, status, message: Option<String>| CaseResult {
            file: file.display().to_string(),
            title: title.to_owned(),
            status,
            message,
            ms: to_milliseconds(ambient.elapsed(start)),
        };
        let decided = policies.set.read_case(file, &policies.overrides).and_then(|(case, policies)| {
            let policies: Vec<_> = policies.iter().map(LoadedPolicy::borrowed).collect();
            let report = run_case_by_policies(&policies, &case, false)?;
            Ok((case, report.failure.is_some(), report.to_snapshot()))
        });
        let (case, is_failure, report) = match decided {
            Ok(decided) => decided,
            // An unreadable case does not stop the others.
            Err(exit) if exit.code == UNREADABLE => {
                let why = drop_file_name(exit.error, file);
                let mut text = Text::from_line(bad(format!("✗ {}", file.display())));
                text.line(format!("  {why}"));
                return Ok((new_result("", CaseStatus::Unreadable, Some(why)), text));
            }
            Err(exit) => return Err(exit),
        };
        let snapshot = CaseSnapshot::read_for(file)?;
        let name = line![format!(" {} ", file.display()), dim(&case.title)];
        let write =
            |error| Exit::failed(anyhow::Error::new(error).context(format!("{}", snapshot.path().display())));
        let leave = || snapshot.leave_pending(&case.title, &report).map_err(write);
        let failed = |how: &str, snapshot_text: &str| {
            let text = format_difference(name.clone(), how, snapshot_text, &report);
            let message = format!("{}\n{}", how.trim(), render_diff(snapshot_text, &report));
            (new_result(&case.title, CaseStatus::Failed, Some(message)), text)
        };
        Ok(match snapshot.compare(&report) {
            Comparison::Same => {
                snapshot.clear_pending().map_err(write)?;
                (
                    new_result(&case.title, CaseStatus::Passed, None),
                    Text::from_line(line![good("✓")].then(name)),
                )
            }
            _ if self.accept && is_failure && !self.accept_failures => failed(
                "  the plugin failed, so its snapshot is not accepted; --accept-failures accepts it",
                "",
            ),
            _ if self.accept => {
                snapshot.accept(&case.title, &report).map_err(write)?;
                (
                    new_result(&case.title, CaseStatus::Written, None),
                    Text::from_line(line![care("+")].then(name)),
                )
            }
            Comparison::New => {
                let pending = leave()?.display().to_string();
                failed(&format!("  there is no snapshot yet; it was left for review in {pending}"), "")
            }
            Comparison::Differs { snapshot: snapshot_text } => {
                let (path, pending) = (snapshot.path().display(), leave()?);
                failed(
                    &format!("  differs from {path}; left for review in {}", pending.display()),
                    &snapshot_text,
                )
            }
        })
    }
}

fn format_summary(results: &Results) -> Text {
    let mut summary = format!("{} passed, {} failed", results.passed, results.failed);
    if results.written > 0 {
        summary.push_str(&format!(" ({} snapshot(s) written)", results.written));
    }
    let mut text = Text::from_line("");
    text.line(line![summary, " ", dim(format!("in {} ms", results.ms))]);
    text
}

/// Formats an error without the name of the file, which is printed before it.
fn drop_file_name(error: Option<anyhow::Error>, file: &Path) -> String {
    let Some(error) = error else { return "it cannot be read".to_owned() };
    let in_file = match error.downcast_ref::<PolicyError>() {
        Some(PolicyError::InFile(error)) => Some(error),
        _ => error.downcast_ref::<InputError>(),
    };
    match in_file {
        Some(error) if error.file == file.display().to_string() => error.message_without_file(),
        _ => describe_error(&error),
    }
}

fn format_difference(name: Line, how: &str, snapshot_text: &str, report: &str) -> Text {
    let mut text = Text::from_line(line![bad("✗")].then(name));
    text.line(how);
    text.append(render_styled_diff(snapshot_text, report));
    text
}

/// Returns a unified diff without styles.
fn render_diff(snapshot_text: &str, report: &str) -> String {
    let diff = TextDiff::from_lines(snapshot_text.trim_end(), report.trim_end());
    diff.unified_diff().header("snapshot", "decision").to_string()
}

/// Returns a styled diff with three lines of context.
fn render_styled_diff(snapshot_text: &str, report: &str) -> Text {
    let (snapshot_text, report) =
        (format!("{}\n", snapshot_text.trim_end()), format!("{}\n", report.trim_end()));
    let snapshot_text = if snapshot_text == "\n" { String::new() } else { snapshot_text };
    let diff = TextDiff::from_lines(&snapshot_text, &report);
    let mut text = Text::default();
    for (index, group) in diff.grouped_ops(3).iter().enumerate() {
        if index > 0 {
            text.line(line!["    ", dim("⋯")]);
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let value = change.value().trim_end_matches('\n');
            text.line(line![
                "    ",
                match change.tag() {
                    ChangeTag::Delete => bad(format!("- {value}")),
                    ChangeTag::Insert => good(format!("+ {value}")),
                    ChangeTag::Equal => dim(format!("  {value}")),
                }
            ]);
        }
    }
    text
}
