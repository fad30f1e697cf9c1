//! `ligature users`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::{ProgressBar, ProgressStyle};

use super::directory::DirectoryArgs;
use super::user_changes::{BlockArgs, LinkArgs};
use super::user_list::{FindArgs, ListArgs};
use super::{Exit, Outcome, ids, print, print_json, print_line};
use crate::directory::Open;
use crate::harness::thousands;
use crate::login::mask_addresses;
use crate::terminal::{Json, Text};
use crate::transfer::{self, Format, Import, Summary, UsersFile};

/// Users of a directory: in, out, one by one.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Import users from Auth0's export (NDJSON) or import format (a JSON array)
    ///
    /// Each user is imported wholly or not at all. A bad line is told with its
    /// number and left out. An import that was interrupted goes on where it
    /// stopped.
    Import(ImportArgs),
    /// Write every user in Auth0's export or import format
    Export(ExportArgs),
    /// Print one user
    Show(ShowArgs),
    /// List users, in the order of their ids
    List(ListArgs),
    /// Find users by address, by identity or by the beginning of their id
    Find(FindArgs),
    /// Refuse a user's logins
    Block(BlockArgs),
    /// Let a blocked user in again
    Unblock(BlockArgs),
    /// Link two users by hand
    Link(LinkArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users import users.ndjson.gz --directory sqlite:users.db")]
struct ImportArgs {
    /// The file, gzipped or not; `-` for standard input
    file: PathBuf,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// The connection of users that name none; Username-Password-Authentication
    /// for database users if left out
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
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users export users.ndjson.gz --directory sqlite:users.db")]
struct ExportArgs {
    /// The file to make, gzipped if its name ends in `.gz`; standard output if
    /// left out
    file: Option<PathBuf>,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// `export`: one user object a line; `import`: an array of database users
    #[arg(long, value_enum, default_value_t = FormatArg::Export)]
    format: FormatArg,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users show 'auth0|1' --directory sqlite:users.db")]
struct ShowArgs {
    /// The user's id, such as `auth0|1`, or its beginning
    user_id: String,
    #[command(flatten)]
    directory: DirectoryArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArg {
    Export,
    Import,
}

impl Args {
    pub(super) fn execute(self) -> Outcome {
        match self.command {
            Command::Import(args) => args.execute(),
            Command::Export(args) => args.execute(),
            Command::Show(args) => args.execute(),
            Command::List(args) => args.execute(),
            Command::Find(args) => args.execute(),
            Command::Block(args) => args.execute(true),
            Command::Unblock(args) => args.execute(false),
            Command::Link(args) => args.execute(),
        }
    }
}

impl ImportArgs {
    fn execute(self) -> Outcome {
        // The file first: a mistyped name shall leave no empty database behind.
        let bar = bar(None);
        let counted = bar.clone();
        let file =
            UsersFile::open(&self.file, move |raw| counted.wrap_read(raw)).map_err(Exit::unreadable)?;
        if let Some(length) = file.length() {
            bar.set_length(length);
        }
        let resume = if self.again { None } else { file.fingerprint().map_err(Exit::unreadable)? };
        let directory = self.directory.open(Open::Create)?;
        let how = Import { connection: self.connection, replace: self.replace, strict: self.strict, resume };
        let (summary, ended) = transfer::import(&*directory, file, &how);
        bar.finish_and_clear();
        print(&told(&summary, ended.is_ok()))?;
        let file = self.file.display();
        let so = match how.resume {
            Some(_) => "; what was imported before is there, and the same command goes on behind it",
            None => "; what was imported before is there",
        };
        ended.map_err(|error| {
            let words = error.to_string();
            let words = mask_addresses(&words);
            match error {
                transfer::ImportError::Directory { .. } => Exit::failed(anyhow!("{file}, {words}{so}")),
                transfer::ImportError::Bad { .. } => Exit::unreadable(anyhow!("{file}, {words}{so}")),
                transfer::ImportError::Read(_) => Exit::unreadable(anyhow!("{words}{so}")),
            }
        })
    }
}

/// What came of an import, for people.
fn told(summary: &Summary, whole: bool) -> Text {
    let mut told = Text::default();
    let mut line = |text: String| told.line(text);
    if summary.resumed_behind > 0 {
        line(format!(
            "went on behind line {}, where an earlier import stopped",
            thousands(summary.resumed_behind)
        ));
    }
    let seen = summary.added + summary.replaced + summary.same + summary.bad;
    if summary.resumed_behind > 0 && seen == 0 && whole {
        line("there is nothing behind it: the file is imported (--again imports it anew)".to_owned());
        return told;
    }
    line(format!("{} users added", thousands(summary.added)));
    for (count, what) in
        [(summary.replaced, "replaced"), (summary.same, "there already, just so"), (summary.bad, "left out")]
    {
        if count > 0 {
            line(format!("{} {what}", thousands(count)));
        }
    }
    for (number, why) in &summary.told {
        line(format!("  line {number}: {why}"));
    }
    let more = summary.bad - summary.told.len() as u64;
    if more > 0 {
        line(format!("  and {} more", thousands(more)));
    }
    for (field, times, why) in &summary.left_out {
        line(format!("`{field}` of {} users was left out: {why}", thousands(*times)));
    }
    told
}

impl ExportArgs {
    fn execute(self) -> Outcome {
        let directory = self.directory.open(Open::ReadOnly)?;
        let format = match self.format {
            FormatArg::Export => Format::Export,
            FormatArg::Import => Format::Import,
        };
        let Some(file) = &self.file else {
            let mut out = BufWriter::new(std::io::stdout().lock());
            let exported = transfer::export(&*directory, format, &mut out, |_| {});
            return match exported {
                Err(transfer::ExportError::Unwritable(error))
                    if error.kind() == std::io::ErrorKind::BrokenPipe =>
                {
                    Ok(())
                }
                exported => exported.map(drop).map_err(unexported),
            };
        };
        let cannot = |error: std::io::Error| {
            Exit::failed(anyhow!("{}: it cannot be written: {error}", file.display()))
        };
        // Under another name until it is whole, and for its owner's eyes only.
        let part = part_of(file);
        let bar = bar(None);
        let exported = private(&part).map_err(cannot).and_then(|out| {
            let mut out = BufWriter::new(out);
            let each = |users| bar.set_position(users);
            if file.extension().is_some_and(|extension| extension == "gz") {
                let mut gzip = GzEncoder::new(out, Compression::default());
                let exported = transfer::export(&*directory, format, &mut gzip, each).map_err(unexported)?;
                gzip.finish().and_then(|mut out| out.flush()).map_err(cannot)?;
                Ok(exported)
            } else {
                transfer::export(&*directory, format, &mut out, each).map_err(unexported)
            }
        });
        bar.finish_and_clear();
        let exported = match exported
            .and_then(|exported| std::fs::rename(&part, file).map(|()| exported).map_err(cannot))
        {
            Ok(exported) => exported,
            Err(exit) => {
                let _ = std::fs::remove_file(&part);
                return Err(exit);
            }
        };
        let left_out = match exported.left_out {
            0 => String::new(),
            users => format!("; {} are no database users and were left out", thousands(users)),
        };
        print_line(format!("{} users written to {}{left_out}", thousands(exported.users), file.display()))
    }
}

fn unexported(error: transfer::ExportError) -> Exit {
    Exit::failed(anyhow!("{}", mask_addresses(&error.to_string())))
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn private(file: &Path) -> std::io::Result<File> {
    // Never into a file that somebody has put there.
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

impl ShowArgs {
    fn execute(self) -> Outcome {
        let directory = self.directory.open(Open::ReadOnly)?;
        let stored = ids::user(&*directory, &self.user_id)?;
        print_json(&Json::pretty(&*stored.user).map_err(Exit::failed)?)
    }
}

/// A progress bar, on a terminal only.
fn bar(length: Option<u64>) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {bytes}  {elapsed} gone, {eta} to go");
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
