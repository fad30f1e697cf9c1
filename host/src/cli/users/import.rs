//! `ligature users import`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::progress::new_progress_bar;
use crate::ambient::Ambient;
use crate::cli::directory_args::DirectoryArgs;
use crate::cli::output_file::OutputFile;
use crate::cli::{CommandResult, Exit, print, print_json, print_line};
use crate::directory::{Administration, Memory, OpenMode};
use crate::harness::group_thousands;
use crate::model::{ApiError, is_connection_name, mask_addresses, truncate};
use crate::terminal::{Json, Text};
use crate::transfer::{
    self, DumpCounts, DumpFile, Import, ImportError, ReadError, Rejects, Summary, UsersFile,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users import users.ndjson.gz --directory sqlite:users.db")]
pub(super) struct ImportArgs {
    /// The file, gzipped or not; `-` for standard input
    file: PathBuf,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// The connection of users that name none. By default, it is assumed:
    /// Username-Password-Authentication for database users, otherwise the provider in the
    /// id
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Replace existing users, instead of reporting them as invalid
    #[arg(long)]
    replace: bool,
    /// Stop at the first invalid line
    #[arg(long)]
    strict: bool,
    /// Start at the first line, even if an earlier import of the file stopped later
    #[arg(long)]
    again: bool,
    /// Report what would be imported, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the users that are left out to this file, each unchanged after a comment with
    /// the reason. Once corrected, the file can be imported. Only its owner can read it,
    /// because it may contain password hashes
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    rejects: Option<PathBuf>,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
    /// Import everything that `users export --whole` has written into an empty directory:
    /// users, passwords and journal, all or nothing
    #[arg(long, conflicts_with_all = ["connection", "replace", "strict", "again", "dry_run", "rejects"])]
    whole: bool,
}

impl ImportArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        self.directory.refuse_tenant(
            "users cannot be imported into a tenant of Auth0 by this program: use the tenant's own import (a job of its \
             dashboard or of its Management API)",
        )?;
        if self.whole {
            return self.restore(ambient);
        }
        if let Some(name) = self.connection.as_ref().filter(|name| !is_connection_name(name)) {
            return Err(Exit::unreadable(anyhow!(
                "--connection `{}`: this is not the name of a connection; expected letters, digits and - \
                 between them",
                truncate(name, 40)
            )));
        }
        // The file is opened first, so that a mistyped name does not create an empty
        // database.
        let bar = new_progress_bar(None);
        let counted = bar.clone();
        let file =
            UsersFile::open(&self.file, move |raw| counted.wrap_read(raw)).map_err(Exit::unreadable)?;
        if let Some(length) = file.length() {
            bar.set_length(length);
        }
        let fingerprint = if self.again { None } else { file.fingerprint().map_err(Exit::unreadable)? };
        let rejects = self.rejects.as_deref().map(|rejects| self.check_rejects_file(rejects)).transpose()?;
        let directory = self.open(ambient)?;
        let mut how = Import {
            connection: self.connection.clone(),
            replace: self.replace,
            strict: self.strict,
            resume: None,
            rejects: None,
        };
        how.resume = fingerprint.map(|fingerprint| how.derive_name(&fingerprint));
        if let (Some(out), Some(name)) = (&rejects, &self.rejects) {
            how.rejects = Some(open_rejects(name, out, how.resume.as_deref(), &*directory)?);
        }
        let goes_on = how.resume.is_some() && !self.dry_run;
        let (summary, ended) = transfer::import(&*directory, file, how);
        bar.finish_and_clear();
        if self.json {
            print_json(&Json::pretty(&summary_json(&summary, ended.is_ok())).map_err(Exit::failed)?)?;
        } else {
            print(&self.format_summary(&summary, ended.is_ok()))?;
        }
        match ended {
            Err(error) => Err(self.explain_end(error, &summary, goes_on)),
            Ok(()) => self.check_summary(&summary),
        }
    }

    fn restore(&self, ambient: &Ambient) -> CommandResult {
        let whole = DumpFile::open(&self.file).map_err(Exit::unreadable)?;
        let directory = self.directory.open_database(OpenMode::Create, ambient)?;
        let file = self.file.display();
        let DumpCounts { users, uses: _, credentials, entries } =
            whole.restore(&directory).map_err(|error| {
                let words = |words: &str| anyhow!("{file}: {}; nothing was moved", mask_addresses(words));
                match error {
                    ApiError::Invalid(why) => Exit::unreadable(words(&why)),
                    error => Exit::failed(words(&error.to_string())),
                }
            })?;
        print_line(format!(
            "{} users, {} logins and {} entries of the journal moved",
            group_thousands(users),
            group_thousands(credentials),
            group_thousands(entries)
        ))
    }

    /// Opens the directory. A dry run uses an empty one if it does not exist yet.
    fn open(&self, ambient: &Ambient) -> Result<Arc<dyn Administration>, Exit> {
        if !self.dry_run {
            return self.directory.open(OpenMode::Create, ambient);
        }
        if self.directory.is_missing_file()? {
            return Ok(Arc::new(Memory::new(ambient)));
        }
        self.directory.open(OpenMode::DryRun, ambient)
    }

    fn check_rejects_file(&self, name: &Path) -> Result<OutputFile, Exit> {
        let protected = self.directory.protected_files()?.with_file(&self.file, "the file that is imported");
        let out = OutputFile::new(name, &protected)?;
        if out.holds_something() && (self.again || self.directory.is_missing_file()?) {
            return Err(rejects_in_use(name));
        }
        Ok(out)
    }

    fn explain_end(&self, error: ImportError, summary: &Summary, goes_on: bool) -> Exit {
        let file = self.file.display();
        let words = error.to_string();
        let words = mask_addresses(&words);
        let has_some = summary.added + summary.replaced + summary.same + summary.resumed_behind > 0;
        let so = match (&error, self.dry_run) {
            (_, true) => "",
            (ImportError::Read(ReadError::Broken { .. }), _) if has_some => {
                "; the users before it are imported: correct the file there, and import it again"
            }
            (ImportError::Read(ReadError::Broken { .. }), _) => {
                "; correct the file there, and import it again"
            }
            (ImportError::Read(ReadError::Foreign { .. } | ReadError::NoUsers { .. }), _) => "",
            (ImportError::Read(ReadError::Unreadable { .. }) | ImportError::Bad { .. }, _) => {
                "; the users before it are imported: correct the file, and import it again"
            }
            _ if goes_on => "; the users before it are imported, and the same command continues after them",
            _ => "; the users before it are imported",
        };
        match error {
            ImportError::Directory { .. } => Exit::failed(anyhow!("{file}, {words}{so}")),
            ImportError::Bad { .. } => Exit::unreadable(anyhow!("{file}, {words}{so}")),
            ImportError::Read(_) => Exit::unreadable(anyhow!("{words}{so}")),
            ImportError::Rejects { .. } => Exit::failed(anyhow!("{words}{so}")),
        }
    }

    /// Checks whether a complete import imported enough.
    fn check_summary(&self, summary: &Summary) -> CommandResult {
        let file = self.file.display();
        let taken = summary.added + summary.replaced + summary.same;
        if summary.resumed_behind == 0 && taken == 0 && summary.bad > 0 {
            return Err(Exit::unreadable(anyhow!("{file}: no user of it can be imported")));
        }
        if self.strict && summary.left_out_before > 0 {
            let before = group_thousands(summary.left_out_before);
            return Err(Exit::unreadable(anyhow!(
                "{file}: an earlier import, without --strict, has left {before} out; --again lists them"
            )));
        }
        Ok(())
    }

    /// Formats the result of an import, for people.
    fn format_summary(&self, summary: &Summary, whole: bool) -> Text {
        let mut summary_text = Text::default();
        let mut line = |text: String| summary_text.line(text);
        let seen = summary.added + summary.replaced + summary.same + summary.bad;
        let is_complete = seen == 0 && whole;
        if summary.resumed_behind > 0 {
            let behind = format!("{} {}", summary.unit, group_thousands(summary.resumed_behind));
            if is_complete {
                line(format!(
                    "nothing comes after {behind}: the file is imported (--again imports it from the start)"
                ));
            } else {
                line(format!("continued after {behind}, where an earlier import stopped"));
            }
            if summary.left_out_before > 0 {
                line(format!(
                    "{} left out before (--again lists them)",
                    group_thousands(summary.left_out_before)
                ));
            }
            if is_complete {
                return summary_text;
            }
        }
        let would = if self.dry_run { "would be " } else { "" };
        line(format!("{} users {would}added", group_thousands(summary.added)));
        let was = if self.dry_run { "would be" } else { "was" };
        let others = [
            (summary.replaced, format!("{would}replaced")),
            (summary.same, "unchanged".to_owned()),
            (summary.bad, format!("{would}left out")),
        ];
        for (count, what) in others.iter().filter(|(count, _)| *count > 0) {
            line(format!("{} {what}", group_thousands(*count)));
        }
        if whole && summary.announced > summary.found {
            line(format!(
                "the file is a page of a listing: it says that there are {} users, and holds {}",
                group_thousands(summary.announced),
                group_thousands(summary.found)
            ));
        }
        for (place, why) in &summary.reported {
            line(format!("  {place}: {why}"));
        }
        let more = summary.bad - summary.reported.len() as u64;
        if more > 0 {
            line(format!("  and {} more", group_thousands(more)));
        }
        for (field, times, why, first) in &summary.left_out {
            line(format!(
                "`{field}` of {} users {was} left out, first in {first}: {why}",
                group_thousands(*times)
            ));
        }
        if let Some(rejects) = self.rejects.as_ref().filter(|_| summary.bad > 0) {
            line(format!("those left out are in {}", rejects.display()));
        }
        summary_text
    }
}

/// Opens the file for users that are left out. Its content is kept: an import that is
/// continued appends to it, and any other import is refused.
fn open_rejects(
    name: &Path,
    out: &OutputFile,
    resume: Option<&str>,
    directory: &dyn Administration,
) -> Result<Rejects, Exit> {
    let goes_on = out.holds_something();
    if goes_on {
        let done = resume.map(|resume| directory.import_progress(resume)).transpose()?;
        if done.is_none_or(|done| done == 0) {
            return Err(rejects_in_use(name));
        }
    }
    Ok(Rejects::new(name, out.append()?, goes_on))
}

fn rejects_in_use(rejects: &Path) -> Exit {
    Exit::unreadable(anyhow!(
        "{}: it holds users of an earlier import already; name another file for --rejects, or remove it",
        rejects.display()
    ))
}

/// Formats the result of an import, as JSON.
fn summary_json(summary: &Summary, is_whole: bool) -> Value {
    let to_json = |(place, why): &(_, String)| json!({ "place": format!("{place}"), "why": why });
    let left_out = |(field, users, why, first): &(_, _, _, _)| json!({ "field": field, "users": users, "why": why, "first": format!("{first}") });
    json!({
        "is_whole": is_whole, "resumed_behind": summary.resumed_behind, "added": summary.added,
        "replaced": summary.replaced, "same": summary.same, "bad": summary.bad,
        "reported": summary.reported.iter().map(to_json).collect::<Vec<_>>(),
        "left_out": summary.left_out.iter().map(left_out).collect::<Vec<_>>(),
    })
}
