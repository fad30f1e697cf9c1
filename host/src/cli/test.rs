//! `ligature test`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, anyhow};
use similar::{ChangeTag, TextDiff};

use super::plugin::{PluginArgs, checked_case};
use super::{Exit, Outcome, UNREADABLE, print};
use crate::harness::{InputError, Snapshot, Verdict, cannot_be_read, run};
use crate::sandbox::Plugin;

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
    /// Make what the plugin decides now the snapshot
    #[arg(long)]
    accept: bool,
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const CARE: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

#[derive(Default)]
struct Tally {
    same: usize,
    accepted: usize,
    different: usize,
    unreadable: usize,
}

impl Args {
    pub(super) fn execute(self) -> Outcome {
        let start = Instant::now();
        let files = case_files(&self.paths)?;
        let sandbox = self.plugin.sandbox()?;
        let plugin = self.plugin.load(&sandbox)?;
        let mut tally = Tally::default();
        for file in &files {
            self.test(file, &plugin, &mut tally)?;
        }
        let mut summary =
            format!("{} passed, {} failed", tally.same + tally.accepted, tally.different + tally.unreadable);
        if tally.accepted > 0 {
            summary.push_str(&format!(" ({} snapshot(s) written)", tally.accepted));
        }
        print(&format!("\n{summary} {DIM}in {} ms{DIM:#}\n", start.elapsed().as_millis()))?;
        match tally {
            Tally { unreadable: 1.., .. } => Err(Exit { code: UNREADABLE, error: None }),
            Tally { different: 1.., .. } => Err(Exit::silently_failed()),
            _ => Ok(()),
        }
    }

    fn test(&self, file: &Path, plugin: &Plugin, tally: &mut Tally) -> Outcome {
        let decided = checked_case(file, plugin).and_then(|case| {
            let report = run(plugin, &case, false).map_err(Exit::unreadable)?;
            Ok((case, report.to_snapshot()))
        });
        let (case, report) = match decided {
            Ok(decided) => decided,
            // One bad file does not hide what the others say.
            Err(exit) if exit.code == UNREADABLE => {
                tally.unreadable += 1;
                let error = exit.error.unwrap_or_else(|| anyhow!("it cannot be read"));
                return print(&format!("{BAD}✗ {}{BAD:#}\n  {error:#}\n", file.display()));
            }
            Err(exit) => return Err(exit),
        };
        let snapshot = Snapshot::of(file).map_err(Exit::unreadable)?;
        let name = format!("{} {DIM}{}{DIM:#}", file.display(), case.title);
        let write =
            |error| Exit::failed(anyhow::Error::new(error).context(format!("{}", snapshot.path().display())));
        match snapshot.compare(&report) {
            Verdict::Same => {
                tally.same += 1;
                snapshot.clear_pending().map_err(write)?;
                print(&format!("{GOOD}✓{GOOD:#} {name}\n"))
            }
            _ if self.accept => {
                tally.accepted += 1;
                snapshot.accept(&case.title, &report).map_err(write)?;
                print(&format!("{CARE}+{CARE:#} {name}\n"))
            }
            Verdict::New => {
                tally.different += 1;
                let pending = snapshot.leave_pending(&case.title, &report).map_err(write)?;
                print(&format!(
                    "{BAD}✗{BAD:#} {name}\n  there is no snapshot yet; it was left for review in {}\n{}",
                    pending.display(),
                    diff("", &report)
                ))
            }
            Verdict::Differs { held } => {
                tally.different += 1;
                let pending = snapshot.leave_pending(&case.title, &report).map_err(write)?;
                print(&format!(
                    "{BAD}✗{BAD:#} {name}\n  differs from {}; left for review in {}\n{}",
                    snapshot.path().display(),
                    pending.display(),
                    diff(&held, &report)
                ))
            }
        }
    }
}

/// A unified diff with three lines around each change.
fn diff(held: &str, report: &str) -> String {
    let (held, report) = (format!("{}\n", held.trim_end()), format!("{}\n", report.trim_end()));
    let held = if held == "\n" { String::new() } else { held };
    let diff = TextDiff::from_lines(&held, &report);
    let mut text = String::new();
    for (index, group) in diff.grouped_ops(3).iter().enumerate() {
        if index > 0 {
            text.push_str(&format!("    {DIM}⋯{DIM:#}\n"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (style, sign) = match change.tag() {
                ChangeTag::Delete => (BAD, '-'),
                ChangeTag::Insert => (GOOD, '+'),
                ChangeTag::Equal => (DIM, ' '),
            };
            text.push_str(&format!("    {style}{sign} {}{style:#}\n", change.value().trim_end_matches('\n')));
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
