//! Files that commands write: never onto what they read, and never in the place of a
//! device.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::Exit;

/// Files that a command works on, and what each is. It writes onto none of them.
#[derive(Default)]
pub(super) struct Spared(Vec<(PathBuf, &'static str)>);

/// The readers of a file that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner: it holds what is secret.
    Owner,
    /// Everybody whom the process's mask allows.
    Others,
}

/// A file that is to be written.
pub(super) struct OutputFile {
    name: String,
    at: At,
}

enum At {
    /// A device, a FIFO or a socket: written into, as by a shell.
    Stream(PathBuf),
    /// A regular file, or none yet: the path without symbolic links.
    File(PathBuf),
}

/// How a database of SQLite begins.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Symbolic links that are followed to a file that is not there yet.
const LINKS: usize = 40;

impl Spared {
    /// Adds a file.
    pub(super) fn and(mut self, file: impl Into<PathBuf>, what: &'static str) -> Self {
        self.0.push((file.into(), what));
        self
    }

    /// Adds a database of SQLite, with the files that belong to it.
    pub(super) fn and_database(mut self, file: &Path) -> Self {
        const WHAT: &str = "the directory itself";
        for file in [Some(file.to_owned()), target(file).ok()].into_iter().flatten() {
            for behind in ["", "-wal", "-shm", "-journal"] {
                let mut name = file.clone().into_os_string();
                name.push(behind);
                self.0.push((name.into(), WHAT));
            }
        }
        self
    }

    fn what(&self, at: &Path) -> Option<&'static str> {
        let is_it = |file: &Path| target(file).is_ok_and(|file| file == at) || is_same_file(file, at);
        self.0.iter().find(|(file, _)| is_it(file)).map(|(_, what)| *what)
    }
}

impl OutputFile {
    /// The place to write to, if it may be written to. Nothing is written yet.
    ///
    /// # Errors
    ///
    /// When it is a folder, a database, or one of the files that are spared.
    pub(super) fn at(file: &Path, spared: &Spared) -> Result<Self, Exit> {
        let name = file.display().to_string();
        let refused = |why: &str| Exit::unreadable(anyhow!("{name}: {why}; name another file to write"));
        let cannot = |error: io::Error| Exit::unreadable(anyhow!("{name}: it cannot be written: {error}"));
        let at = match fs::metadata(file) {
            Ok(held) if held.is_dir() => return Err(refused("this is a folder")),
            Ok(held) if !held.is_file() => At::Stream(file.to_owned()),
            Ok(_) => At::File(fs::canonicalize(file).map_err(cannot)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => At::File(target(file).map_err(cannot)?),
            Err(error) => return Err(cannot(error)),
        };
        if let At::File(path) = &at {
            if let Some(what) = spared.what(path) {
                return Err(refused(&format!("this is {what}")));
            }
            if begins_with(path, SQLITE) {
                return Err(refused("this is a database"));
            }
        }
        Ok(Self { name, at })
    }

    /// Whether something stands in it already.
    pub(super) fn holds_something(&self) -> bool {
        match &self.at {
            At::Stream(_) => false,
            At::File(path) => fs::metadata(path).is_ok_and(|held| held.len() > 0),
        }
    }

    /// Opens it to write behind what it holds, for its owner only.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn append(&self) -> Result<Box<dyn Write>, Exit> {
        let file = match &self.at {
            At::Stream(path) => File::options().write(true).open(path),
            At::File(path) => append_privately(path),
        };
        let file = file.map_err(|error| self.unwritable(&error))?;
        Ok(Box::new(BufWriter::new(file)))
    }

    /// Writes it wholly, or leaves what is there.
    ///
    /// # Errors
    ///
    /// The answer of `write`, or that the file cannot be written.
    pub(super) fn replace<T>(
        &self,
        readers: Readers,
        write: impl FnOnce(&mut dyn Write) -> Result<T, Exit>,
    ) -> Result<T, Exit> {
        let unwritable = |error: io::Error| self.unwritable(&error);
        match &self.at {
            At::Stream(path) => {
                let mut out = BufWriter::new(File::options().write(true).open(path).map_err(unwritable)?);
                let written = write(&mut out)?;
                out.flush().map_err(unwritable)?;
                Ok(written)
            }
            At::File(path) => {
                let mut out = BufWriter::new(beside(path, readers).map_err(unwritable)?);
                let written = write(&mut out)?;
                let part = out.into_inner().map_err(|error| unwritable(error.into_error()))?;
                part.as_file().sync_all().map_err(unwritable)?;
                part.persist(path).map_err(|error| unwritable(error.error))?;
                Ok(written)
            }
        }
    }

    /// The words for its not being written.
    pub(super) fn unwritable(&self, error: &io::Error) -> Exit {
        Exit::failed(anyhow!("{}: it cannot be written: {error}", self.name))
    }
}

/// A file under a name of nobody's choice, in the folder of this one.
fn beside(path: &Path, readers: Readers) -> io::Result<tempfile::NamedTempFile> {
    let mut part = tempfile::Builder::new();
    part.prefix(".ligature-").suffix(".part");
    #[cfg(unix)]
    if readers == Readers::Others {
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

/// The path without symbolic links, also of a file that is not there yet.
fn target(file: &Path) -> io::Result<PathBuf> {
    let mut file = file.to_owned();
    for _ in 0..LINKS {
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

/// Whether two names are of one file, also by a hard link.
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
