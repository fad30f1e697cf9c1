//! `ligature users import`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::bar;
use crate::ambient::Ambient;
use crate::cli::directory::DirectoryArgs;
use crate::cli::output_file::OutputFile;
use crate::cli::{Exit, Outcome, print, print_json, print_line};
use crate::directory::{Administration, Memory, Open};
use crate::harness::thousands;
use crate::model::{ApiError, cut, is_connection_name, mask_addresses};
use crate::terminal::{Json, Text};
use crate::transfer::{self, Counts, Import, ImportError, ReadError, Rejects, Summary, UsersFile, WholeFile};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users import users.ndjson.gz --directory sqlite:users.db")]
pub(super) struct ImportArgs {
    /// The file, gzipped or not; `-` for standard input
    file: PathBuf,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// The connection of users that name none. If left out, it is assumed:
    /// Username-Password-Authentication for database users, otherwise what the id
    /// names
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Replace users that are there already, instead of telling them as bad
    #[arg(long)]
    replace: bool,
    /// End at the first bad line
    #[arg(long)]
    strict: bool,
    /// Begin at the first line, whatever an earlier import of the file has done
    #[arg(long)]
    again: bool,
    /// Say what would be imported, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the users that are left out to this file, each as it stands behind a
    /// comment with the reason. Once they are mended, it can be imported. Only its
    /// owner may read it: there may be hashes of passwords in it
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    rejects: Option<PathBuf>,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
    /// Move everything that `users export --whole` has written into an empty
    /// directory: users, passwords and journal, all of it or nothing
    #[arg(long, conflicts_with_all = ["connection", "replace", "strict", "again", "dry_run", "rejects"])]
    whole: bool,
}

impl ImportArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        if self.whole {
            return self.restore(ambient);
        }
        if let Some(name) = self.connection.as_ref().filter(|name| !is_connection_name(name)) {
            return Err(Exit::unreadable(anyhow!(
                "--connection `{}`: this is no name of a connection; expected letters, digits and - between them",
                cut(name, 40)
            )));
        }
        // The file first: a mistyped name shall leave no empty database behind.
        let bar = bar(None);
        let counted = bar.clone();
        let file =
            UsersFile::open(&self.file, move |raw| counted.wrap_read(raw)).map_err(Exit::unreadable)?;
        if let Some(length) = file.length() {
            bar.set_length(length);
        }
        let fingerprint = if self.again { None } else { file.fingerprint().map_err(Exit::unreadable)? };
        let rejects = self.rejects.as_deref().map(|rejects| self.place_of_rejects(rejects)).transpose()?;
        let directory = self.open(ambient)?;
        let mut how = Import {
            connection: self.connection.clone(),
            replace: self.replace,
            strict: self.strict,
            resume: None,
            rejects: None,
        };
        how.resume = fingerprint.map(|fingerprint| how.name_of(&fingerprint));
        if let (Some(out), Some(name)) = (&rejects, &self.rejects) {
            how.rejects = Some(self.begin_rejects((name, out), how.resume.as_deref(), &*directory)?);
        }
        let goes_on = how.resume.is_some() && !self.dry_run;
        let (summary, ended) = transfer::import(&*directory, file, how);
        bar.finish_and_clear();
        if self.json {
            print_json(&Json::pretty(&for_programs(&summary, ended.is_ok())).map_err(Exit::failed)?)?;
        } else {
            print(&self.told(&summary, ended.is_ok()))?;
        }
        match ended {
            Err(error) => Err(self.ended(error, &summary, goes_on)),
            Ok(()) => self.judged(&summary),
        }
    }

    fn restore(&self, ambient: &Ambient) -> Outcome {
        let whole = WholeFile::open(&self.file).map_err(Exit::unreadable)?;
        let directory = self.directory.open_database(Open::Create, ambient)?;
        let file = self.file.display();
        let Counts { users, credentials, entries } = whole.restore(&directory).map_err(|error| {
            let words = |words: &str| anyhow!("{file}: {}; nothing was moved", mask_addresses(words));
            match error {
                ApiError::Invalid(why) => Exit::unreadable(words(&why)),
                error => Exit::failed(words(&error.to_string())),
            }
        })?;
        print_line(format!(
            "{} users, {} logins and {} entries of the journal moved",
            thousands(users),
            thousands(credentials),
            thousands(entries)
        ))
    }

    /// The directory. A dry run of one that is not there yet is one of an empty one.
    fn open(&self, ambient: &Ambient) -> Result<Arc<dyn Administration>, Exit> {
        if !self.dry_run {
            return self.directory.open(Open::Create, ambient);
        }
        if self.directory.is_missing_file()? {
            return Ok(Arc::new(Memory::new(ambient)));
        }
        self.directory.open(Open::DryRun, ambient)
    }

    fn place_of_rejects(&self, name: &Path) -> Result<OutputFile, Exit> {
        let spared = self.directory.spared()?.and(&self.file, "the file that is imported");
        let out = OutputFile::at(name, &spared)?;
        if out.holds_something() && (self.again || self.directory.is_missing_file()?) {
            return Err(held_already(name));
        }
        Ok(out)
    }

    /// The file for users that are left out. What it holds is kept: an import that
    /// goes on writes behind it, and another one does not begin.
    fn begin_rejects(
        &self,
        (name, out): (&Path, &OutputFile),
        resume: Option<&str>,
        directory: &dyn Administration,
    ) -> Result<Rejects, Exit> {
        let goes_on = out.holds_something();
        if goes_on {
            let done = resume.map(|resume| directory.import_progress(resume)).transpose()?;
            if done.is_none_or(|done| done == 0) {
                return Err(held_already(name));
            }
        }
        Ok(Rejects::to(name, out.append()?, goes_on))
    }

    fn ended(&self, error: ImportError, summary: &Summary, goes_on: bool) -> Exit {
        let file = self.file.display();
        let words = error.to_string();
        let words = mask_addresses(&words);
        let has_some = summary.added + summary.replaced + summary.same + summary.resumed_behind > 0;
        let so = match (&error, self.dry_run) {
            (_, true) => "",
            (ImportError::Read(ReadError::Broken { .. }), _) if has_some => {
                "; what stands before is imported: mend the file there, and import it again"
            }
            (ImportError::Read(ReadError::Broken { .. }), _) => "; mend the file there, and import it again",
            (ImportError::Read(ReadError::Foreign { .. } | ReadError::NoUsers { .. }), _) => "",
            (ImportError::Read(ReadError::Unreadable { .. }) | ImportError::Bad { .. }, _) => {
                "; what was imported before is there: mend the file first, and import it again"
            }
            _ if goes_on => "; what was imported before is there, and the same command goes on behind it",
            _ => "; what was imported before is there",
        };
        match error {
            ImportError::Directory { .. } => Exit::failed(anyhow!("{file}, {words}{so}")),
            ImportError::Bad { .. } => Exit::unreadable(anyhow!("{file}, {words}{so}")),
            ImportError::Read(_) => Exit::unreadable(anyhow!("{words}{so}")),
            ImportError::Rejects { .. } => Exit::failed(anyhow!("{words}{so}")),
        }
    }

    /// Whether an import that came to its end brought what was wanted.
    fn judged(&self, summary: &Summary) -> Outcome {
        let file = self.file.display();
        let taken = summary.added + summary.replaced + summary.same;
        if summary.resumed_behind == 0 && taken == 0 && summary.bad > 0 {
            return Err(Exit::unreadable(anyhow!("{file}: no user of it can be imported")));
        }
        if self.strict && summary.left_out_before > 0 {
            let before = thousands(summary.left_out_before);
            return Err(Exit::unreadable(anyhow!(
                "{file}: an earlier import, without --strict, has left {before} out; --again tells them"
            )));
        }
        Ok(())
    }

    /// The result of an import, for people.
    fn told(&self, summary: &Summary, whole: bool) -> Text {
        let mut told = Text::default();
        let mut line = |text: String| told.line(text);
        if summary.resumed_behind > 0 {
            line(format!(
                "went on behind {} {}, where an earlier import stopped",
                summary.unit,
                thousands(summary.resumed_behind)
            ));
            if summary.left_out_before > 0 {
                line(format!("{} left out before (--again tells them)", thousands(summary.left_out_before)));
            }
        }
        let seen = summary.added + summary.replaced + summary.same + summary.bad;
        if summary.resumed_behind > 0 && seen == 0 && whole {
            line("there is nothing behind it: the file is imported (--again imports it anew)".to_owned());
            return told;
        }
        let would = if self.dry_run { "would be " } else { "" };
        line(format!("{} users {would}added", thousands(summary.added)));
        let was = if self.dry_run { "would be" } else { "was" };
        let others = [
            (summary.replaced, format!("{would}replaced")),
            (summary.same, "there already, just so".to_owned()),
            (summary.bad, format!("{would}left out")),
        ];
        for (count, what) in others.iter().filter(|(count, _)| *count > 0) {
            line(format!("{} {what}", thousands(*count)));
        }
        if whole && summary.announced > summary.found {
            line(format!(
                "the file is a page of a listing: it says that there are {} users, and holds {}",
                thousands(summary.announced),
                thousands(summary.found)
            ));
        }
        for (place, why) in &summary.told {
            line(format!("  {place}: {why}"));
        }
        let more = summary.bad - summary.told.len() as u64;
        if more > 0 {
            line(format!("  and {} more", thousands(more)));
        }
        for (field, times, why, first) in &summary.left_out {
            line(format!("`{field}` of {} users {was} left out, first in {first}: {why}", thousands(*times)));
        }
        if let Some(rejects) = self.rejects.as_ref().filter(|_| summary.bad > 0) {
            line(format!("those left out are in {}", rejects.display()));
        }
        told
    }
}

fn held_already(rejects: &Path) -> Exit {
    Exit::unreadable(anyhow!(
        "{}: it holds users of an earlier import already; name another file for --rejects, or remove it",
        rejects.display()
    ))
}

/// The result of an import, for programs.
fn for_programs(summary: &Summary, is_whole: bool) -> Value {
    let told = |(place, why): &(_, String)| json!({ "place": format!("{place}"), "why": why });
    let left_out = |(field, users, why, first): &(_, _, _, _)| json!({ "field": field, "users": users, "why": why, "first": format!("{first}") });
    json!({
        "is_whole": is_whole, "resumed_behind": summary.resumed_behind, "added": summary.added,
        "replaced": summary.replaced, "same": summary.same, "bad": summary.bad,
        "told": summary.told.iter().map(told).collect::<Vec<_>>(),
        "left_out": summary.left_out.iter().map(left_out).collect::<Vec<_>>(),
    })
}
