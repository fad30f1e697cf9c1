//! `ligature users export`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::progress::new_progress_bar;
use crate::ambient::Ambient;
use crate::cli::directory_args::DirectoryArgs;
use crate::cli::output_file::{OutputFile, Readers};
use crate::cli::{CommandResult, Exit, print_line};
use crate::directory::OpenMode;
use crate::harness::group_thousands;
use crate::model::mask_addresses;
use crate::transfer::{self, DumpCounts, ExportError, ExportSummary, Format};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature users export users.ndjson.gz --directory sqlite:users.db")]
pub(super) struct ExportArgs {
    /// The file to write, gzipped if its name ends in `.gz`; standard output by default
    file: Option<PathBuf>,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// `export`: one user object per line; `import`: an array of database users
    #[arg(long, value_enum, default_value_t = FormatArg::Export)]
    format: FormatArg,
    /// With `--format import`: only the users of this database connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Write everything, for `users import --whole` into another directory: users, their
    /// password hashes, and the journal with the data that links have removed. Only the
    /// file's owner can read it. Data that is encrypted with --journal-key stays encrypted
    #[arg(long, requires = "file", conflicts_with_all = ["format", "connection"])]
    whole: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArg {
    Export,
    Import,
}

impl ExportArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        self.directory.refuse_tenant(
            "the users of a tenant of Auth0 cannot be exported by this program: use the tenant's own export (a job of its \
             dashboard or of its Management API)",
        )?;
        if self.whole {
            return self.export_whole(ambient);
        }
        let directory = self.directory.open(OpenMode::ReadOnly, ambient)?;
        let format = match self.format {
            FormatArg::Export => Format::Export,
            FormatArg::Import => Format::Import(self.connection),
        };
        let Some(file) = &self.file else {
            let mut out = BufWriter::new(std::io::stdout().lock());
            let exported = transfer::export(&*directory, &format, &mut out, |_| {});
            return match exported {
                Err(ExportError::Unwritable(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    Ok(())
                }
                exported => exported.map(drop).map_err(export_error),
            };
        };
        let out = OutputFile::new(file, &self.directory.protected_files()?)?;
        let bar = new_progress_bar(None);
        let exported = write_file(&out, file, |out| {
            transfer::export(&*directory, &format, out, |users| bar.set_position(users))
        })?;
        bar.finish_and_clear();
        let dropped = match format {
            Format::Export => String::new(),
            Format::Import(_) => describe_dropped(&exported),
        };
        print_line(format!(
            "{} users written to {}{dropped}",
            group_thousands(exported.users),
            file.display()
        ))
    }
}

impl ExportArgs {
    fn export_whole(&self, ambient: &Ambient) -> CommandResult {
        let Some(file) = &self.file else { return Ok(()) };
        let out = OutputFile::new(file, &self.directory.protected_files()?)?;
        let directory = self.directory.open_database(OpenMode::ReadOnly, ambient)?;
        let DumpCounts { users, uses: _, credentials, entries } =
            write_file(&out, file, |out| transfer::export_dump(&directory, out))?;
        print_line(format!(
            "{} users, {} logins and {} entries of the journal written to {}, which holds hashes of passwords",
            group_thousands(users),
            group_thousands(credentials),
            group_thousands(entries),
            file.display()
        ))
    }
}

/// Writes a file, gzipped if its name ends in `.gz`.
fn write_file<T>(
    file: &OutputFile,
    name: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, ExportError>,
) -> Result<T, Exit> {
    let unwritten = |error| match error {
        ExportError::Unwritable(error) => file.report_unwritable(&error),
        error @ ExportError::Directory(_) => export_error(error),
    };
    file.replace(Readers::Owner, |out| {
        if name.extension().is_none_or(|extension| extension != "gz") {
            return write(out).map_err(unwritten);
        }
        let mut gzip = GzEncoder::new(out, Compression::default());
        let written = write(&mut gzip).map_err(unwritten)?;
        gzip.finish().map_err(|error| file.report_unwritable(&error))?;
        Ok(written)
    })
}

/// Describes the data that the import format cannot hold.
fn describe_dropped(exported: &ExportSummary) -> String {
    let mut words = String::new();
    if exported.left_out > 0 {
        let users = group_thousands(exported.left_out);
        words.push_str(&format!("; {users} are not users of a database, and were left out"));
    }
    words.push_str("; the format holds no passwords, dates, logins, roles and organizations");
    if exported.identities > 0 {
        words.push_str(&format!(
            ", and none of their {} linked identities",
            group_thousands(exported.identities)
        ));
    }
    if exported.connections.len() > 1 {
        let names: Vec<String> = exported.connections.iter().map(|name| format!("`{name}`")).collect();
        words.push_str(&format!(
            "; it does not name the database of each user ({}): --connection writes those of one",
            names.join(", ")
        ));
    }
    words
}

fn export_error(error: ExportError) -> Exit {
    Exit::failed(anyhow!("{}", mask_addresses(&error.to_string())))
}
