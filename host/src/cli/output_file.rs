//! The files that commands write. A command never overwrites a file that it reads, and
//! never replaces a device.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::Exit;
use crate::reading::describe_io_error;

/// The files that a command must not overwrite, each with its description.
#[derive(Default)]
pub(super) struct ProtectedFiles(Vec<(PathBuf, &'static str)>);

/// The users who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Only the owner, because the file holds secrets.
    Owner,
    /// Every user that the process's umask allows.
    Everyone,
}

/// A file to write.
pub(super) struct OutputFile {
    name: String,
    destination: Destination,
}

enum Destination {
    /// A device, a FIFO or a socket, which is written to and not replaced.
    Stream(PathBuf),
    /// A regular file, which may not exist yet. The path has no symbolic links.
    File(PathBuf),
}

/// The first bytes of an SQLite database.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
/// The most symbolic links that are followed.
const MAX_LINKS: usize = 40;

impl ProtectedFiles {
    /// Adds a file.
    pub(super) fn with_file(mut self, file: impl Into<PathBuf>, what: &'static str) -> Self {
        self.0.push((file.into(), what));
        self
    }

    /// Adds an SQLite database, with the files that belong to it.
    pub(super) fn with_database(mut self, file: &Path) -> Self {
        const WHAT: &str = "the directory itself";
        for file in [Some(file.to_owned()), resolve_links(file).ok()].into_iter().flatten() {
            for behind in ["", "-wal", "-shm", "-journal"] {
                let mut name = file.clone().into_os_string();
                name.push(behind);
                self.0.push((name.into(), WHAT));
            }
        }
        self
    }

    fn describe(&self, at: &Path) -> Option<&'static str> {
        let is_it = |file: &Path| resolve_links(file).is_ok_and(|file| file == at) || is_same_file(file, at);
        self.0.iter().find(|(file, _)| is_it(file)).map(|(_, what)| *what)
    }
}

impl OutputFile {
    /// Checks that a file may be written. Nothing is written yet.
    ///
    /// # Errors
    ///
    /// When it is a folder, a database, or a protected file.
    pub(super) fn new(file: &Path, protected: &ProtectedFiles) -> Result<Self, Exit> {
        let name = file.display().to_string();
        let refused = |why: &str| Exit::unreadable(anyhow!("{name}: {why}; name another file to write"));
        let cannot = |error: io::Error| {
            Exit::unreadable(anyhow!("{name}: it cannot be written: {}", describe_io_error(&error)))
        };
        let destination = match fs::metadata(file) {
            Ok(held) if held.is_dir() => return Err(refused("this is a folder")),
            Ok(held) if !held.is_file() => Destination::Stream(file.to_owned()),
            Ok(_) => Destination::File(fs::canonicalize(file).map_err(cannot)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Destination::File(resolve_links(file).map_err(cannot)?)
            }
            Err(error) => return Err(cannot(error)),
        };
        if let Destination::File(path) = &destination {
            if let Some(what) = protected.describe(path) {
                return Err(refused(&format!("this is {what}")));
            }
            if begins_with(path, SQLITE_MAGIC) {
                return Err(refused("this is a database"));
            }
        }
        Ok(Self { name, destination })
    }

    /// Returns whether the file is not empty.
    pub(super) fn holds_something(&self) -> bool {
        match &self.destination {
            Destination::Stream(_) => false,
            Destination::File(path) => fs::metadata(path).is_ok_and(|held| held.len() > 0),
        }
    }

    /// Opens the file for appending, readable by its owner only.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn append(&self) -> Result<Box<dyn Write>, Exit> {
        let file = match &self.destination {
            Destination::Stream(path) => File::options().write(true).open(path),
            Destination::File(path) => append_privately(path),
        };
        let file = file.map_err(|error| self.report_unwritable(&error))?;
        Ok(Box::new(BufWriter::new(file)))
    }

    /// Writes the whole file, or leaves it unchanged.
    ///
    /// # Errors
    ///
    /// The error of `write`, or that the file cannot be written.
    pub(super) fn replace<T>(
        &self,
        readers: Readers,
        write: impl FnOnce(&mut dyn Write) -> Result<T, Exit>,
    ) -> Result<T, Exit> {
        let unwritable = |error: io::Error| self.report_unwritable(&error);
        match &self.destination {
            Destination::Stream(path) => {
                let mut out = BufWriter::new(File::options().write(true).open(path).map_err(unwritable)?);
                let written = write(&mut out)?;
                out.flush().map_err(unwritable)?;
                Ok(written)
            }
            Destination::File(path) => {
                let mut out = BufWriter::new(create_beside(path, readers).map_err(unwritable)?);
                let written = write(&mut out)?;
                let part = out.into_inner().map_err(|error| unwritable(error.into_error()))?;
                part.as_file().sync_all().map_err(unwritable)?;
                part.persist(path).map_err(|error| unwritable(error.error))?;
                Ok(written)
            }
        }
    }

    /// The error that the file cannot be written.
    pub(super) fn report_unwritable(&self, error: &io::Error) -> Exit {
        Exit::failed(anyhow!("{}: it cannot be written: {}", self.name, describe_io_error(error)))
    }
}

/// Creates a temporary file in the folder of this one.
fn create_beside(path: &Path, readers: Readers) -> io::Result<tempfile::NamedTempFile> {
    let mut part = tempfile::Builder::new();
    part.prefix(".ligature-").suffix(".part");
    #[cfg(unix)]
    if readers == Readers::Everyone {
        part.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    part.tempfile_in(path.parent().unwrap_or(Path::new("/")))
}

fn append_privately(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// Resolves the symbolic links of a path, even if the file does not exist yet.
fn resolve_links(file: &Path) -> io::Result<PathBuf> {
    let mut file = file.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::canonicalize(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if let Ok(link) = fs::read_link(&file) {
            file = folder.join(link);
            continue;
        }
        let folder = fs::canonicalize(folder)?;
        let name = file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        return Ok(folder.join(name));
    }
    Err(io::Error::other("too many symbolic links"))
}

fn begins_with(path: &Path, bytes: &[u8]) -> bool {
    let mut held = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes.len() as u64).read_to_end(&mut held));
    read.is_ok() && held == bytes
}

/// Returns whether two paths are the same file, hard links included.
#[cfg(unix)]
fn is_same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| fs::metadata(path).ok().map(|held| (held.dev(), held.ino()));
    id(a).is_some_and(|a| id(b) == Some(a))
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> bool {
    false
}
