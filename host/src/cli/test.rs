//! `ligature test`.

mod results;

use std::path::{Path, PathBuf};

use anyhow::Context;
use similar::{ChangeTag, TextDiff};

use results::{Results, Tested, Verdict, milliseconds};

use super::deciding::{Deciding, InPlace, InPlaceArgs, PoliciesArgs};
use super::directory::spared_by_environment;
use super::output_file::OutputFile;
use super::plugin::PluginArgs;
use super::{Exit, FAILED, Outcome, UNREADABLE, print, print_json, sentence};
use crate::ambient::Ambient;
use crate::harness::{Comparison, Snapshot, run_case_by_policies};
use crate::policies::{Policy, PolicyError};
use crate::reading::{InputError, STANDARD_INPUT, cannot_be_read};
use crate::terminal::{Json, Line, Text, bad, care, dim, good, line};

/// Decide cases and hold each against its snapshot
///
/// Decides cases and holds each against its snapshot, `snapshots/NAME.snap`
/// beside the case.
///
/// A difference is shown and left as `NAME.snap.new`, for `cargo insta review`
/// or for --accept. The files are insta's own.
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
    in_place: InPlaceArgs,
    /// Make what the plugin decides now the snapshot
    #[arg(long)]
    accept: bool,
    /// With --accept, take the failure of a plugin for a decision too
    #[arg(long, requires = "accept")]
    accept_failures: bool,
    /// Write JUnit's XML too, which CI shows
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        let start = ambient.monotonic();
        let files = case_files(&self.paths)?;
        let in_place = self.in_place.read()?;
        let spared = files.iter().fold(spared_by_environment(), |spared, file| spared.and(file, "a case"));
        let junit = self.junit.as_deref().map(|file| OutputFile::at(file, &spared)).transpose()?;
        let deciding = (Deciding::load(&self.plugin, &self.several, ambient)?, in_place);
        let mut cases = Vec::with_capacity(files.len());
        for file in &files {
            let (tested, told) = self.test(file, &deciding, ambient)?;
            if !self.json {
                print(&told)?;
            }
            cases.push(tested);
        }
        let results = Results::of(cases, ambient.elapsed(start));
        if let Some(file) = &junit {
            results.write_junit(file)?;
        }
        if self.json {
            print_json(&Json::pretty(&results).map_err(Exit::failed)?)?;
        } else {
            print(&summary(&results))?;
        }
        match () {
            () if results.has(Verdict::Unreadable) => Err(Exit::silently(UNREADABLE)),
            () if results.has(Verdict::Failed) => Err(Exit::silently(FAILED)),
            () => Ok(()),
        }
    }

    /// Tests one case: what came of it, for programs and for people.
    fn test(
        &self,
        file: &Path,
        (deciding, in_place): &(Deciding, InPlace),
        ambient: &Ambient,
    ) -> Result<(Tested, Text), Exit> {
        let start = ambient.monotonic();
        let tested = |title: &str, verdict, message: Option<String>| Tested {
            file: file.display().to_string(),
            title: title.to_owned(),
            verdict,
            message,
            ms: milliseconds(ambient.elapsed(start)),
        };
        let decided = deciding.case(file, in_place).and_then(|(case, policies)| {
            let policies: Vec<_> = policies.iter().map(Policy::borrowed).collect();
            let report = run_case_by_policies(&policies, &case, false)?;
            Ok((case, report.failure.is_some(), report.to_snapshot()))
        });
        let (case, is_failure, report) = match decided {
            Ok(decided) => decided,
            // One bad file does not hide what the others say.
            Err(exit) if exit.code == UNREADABLE => {
                let why = without_file(exit.error, file);
                let mut text = Text::one(bad(format!("✗ {}", file.display())));
                text.line(format!("  {why}"));
                return Ok((tested("", Verdict::Unreadable, Some(why)), text));
            }
            Err(exit) => return Err(exit),
        };
        let snapshot = Snapshot::read(file)?;
        let name = line![format!(" {} ", file.display()), dim(&case.title)];
        let write =
            |error| Exit::failed(anyhow::Error::new(error).context(format!("{}", snapshot.path().display())));
        let leave = || snapshot.leave_pending(&case.title, &report).map_err(write);
        let failed = |how: &str, held: &str| {
            let text = differing(name.clone(), how, (held, &report));
            let message = format!("{}\n{}", how.trim(), plain_diff(held, &report));
            (tested(&case.title, Verdict::Failed, Some(message)), text)
        };
        Ok(match snapshot.compare(&report) {
            Comparison::Same => {
                snapshot.clear_pending().map_err(write)?;
                (tested(&case.title, Verdict::Passed, None), Text::one(line![good("✓")].then(name)))
            }
            _ if self.accept && is_failure && !self.accept_failures => failed(
                "  the plugin failed, so its snapshot is not accepted; --accept-failures accepts it",
                "",
            ),
            _ if self.accept => {
                snapshot.accept(&case.title, &report).map_err(write)?;
                (tested(&case.title, Verdict::Written, None), Text::one(line![care("+")].then(name)))
            }
            Comparison::New => {
                let pending = leave()?.display().to_string();
                failed(&format!("  there is no snapshot yet; it was left for review in {pending}"), "")
            }
            Comparison::Differs { snapshot: held } => {
                let (path, pending) = (snapshot.path().display(), leave()?);
                failed(&format!("  differs from {path}; left for review in {}", pending.display()), &held)
            }
        })
    }
}

fn summary(results: &Results) -> Text {
    let mut summary = format!("{} passed, {} failed", results.passed, results.failed);
    if results.written > 0 {
        summary.push_str(&format!(" ({} snapshot(s) written)", results.written));
    }
    let mut text = Text::one("");
    text.line(line![summary, " ", dim(format!("in {} ms", results.ms))]);
    text
}

/// The error without the name of the file, which stands before it.
fn without_file(error: Option<anyhow::Error>, file: &Path) -> String {
    let Some(error) = error else { return "it cannot be read".to_owned() };
    let in_file = match error.downcast_ref::<PolicyError>() {
        Some(PolicyError::InFile(error)) => Some(error),
        _ => error.downcast_ref::<InputError>(),
    };
    match in_file {
        Some(error) if error.file == file.display().to_string() => error.within_file(),
        _ => sentence(&error),
    }
}

fn differing(name: Line, how: &str, (held, report): (&str, &str)) -> Text {
    let mut text = Text::one(line![bad("✗")].then(name));
    text.line(how);
    text.append(diff(held, report));
    text
}

/// The same for programs.
fn plain_diff(held: &str, report: &str) -> String {
    let diff = TextDiff::from_lines(held.trim_end(), report.trim_end());
    diff.unified_diff().header("snapshot", "decision").to_string()
}

/// A unified diff with three lines around each change.
fn diff(held: &str, report: &str) -> Text {
    let (held, report) = (format!("{}\n", held.trim_end()), format!("{}\n", report.trim_end()));
    let held = if held == "\n" { String::new() } else { held };
    let diff = TextDiff::from_lines(&held, &report);
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

/// Every case in these files and directories, in order of their names.
fn case_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Exit> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            collect(path, &mut files).map_err(Exit::unreadable)?;
            if files.len() == before {
                let error = InputError::whole(path, "there is no case file (*.json) in this directory");
                return Err(Exit::unreadable(error));
            }
        } else if path == Path::new(STANDARD_INPUT) {
            let why = "a snapshot stands beside the file of its case; `ligature run -` decides this one";
            return Err(Exit::unreadable(InputError::whole(path, why)));
        } else {
            let metadata = std::fs::metadata(path);
            metadata.map_err(|error| Exit::unreadable(InputError::whole(path, cannot_be_read(&error))))?;
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("{}: the directory cannot be read", directory.display());
    let entries = std::fs::read_dir(directory).with_context(unreadable)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(unreadable)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}
