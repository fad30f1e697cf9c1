//! Checks that the paths of open database files still lead to these files.
//!
//! A file that is deleted or replaced stays readable and writable for programs that have
//! it open. SQLite would go on using it, and every change would be lost at the end.

use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::sqlite_file::FileAccess;
use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// The interval at which readers check. Writers check at every transaction.
const INTERVAL: Duration = Duration::from_millis(100);

/// The open database file, and SQLite's log files beside it.
pub(super) struct OpenFiles {
    database: KnownFile,
    beside: Vec<KnownFile>,
    /// The log files that must not exist, if the file is read without locks. A program that begins
    /// to write creates them first.
    absent: Vec<PathBuf>,
    /// The time of the file's last change, if it is read without locks.
    unchanged: Option<SystemTime>,
    /// The length of the database at the last check, in bytes. Checkpoints increase it;
    /// only another program reduces it.
    length: AtomicU64,
    /// The length of the log at the last check, in bytes. Only a checkpoint reduces it, and
    /// then to zero.
    log_length: AtomicU64,
    ambient: Ambient,
    opened: Monotonic,
    /// The time of the last check by a reader, in milliseconds since `opened`.
    checked_at: AtomicU64,
}

/// A path, and the file that it led to when it was opened.
struct KnownFile {
    path: PathBuf,
    file: FileId,
}

/// The identity of a file on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl FileId {
    #[cfg(unix)]
    fn from_metadata(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// On other systems an open file can be neither deleted nor replaced.
    #[cfg(not(unix))]
    fn from_metadata(_: &Metadata) -> Self {
        Self {}
    }
}

impl OpenFiles {
    /// Records the files that a connection has opened by this path. The connection must have begun
    /// a transaction before, because SQLite opens the log then.
    ///
    /// # Errors
    ///
    /// If a file has already been deleted or replaced.
    pub(super) fn new(
        path: &Path,
        connection: &Connection,
        access: FileAccess,
        ambient: &Ambient,
    ) -> Result<Self, String> {
        let unknown = |error: std::io::Error| format!("its file cannot be examined: {error}");
        let metadata = std::fs::metadata(path).map_err(unknown)?;
        let database = KnownFile { path: path.to_owned(), file: FileId::from_metadata(&metadata) };
        // SQLite creates the log files beside the target of a symbolic link.
        let real = path.canonicalize().map_err(unknown)?;
        let (mut beside, mut absent) = (Vec::new(), Vec::new());
        for end in ["-wal", "-shm"] {
            let mut name = OsString::from(&real);
            name.push(end);
            match std::fs::metadata(&name) {
                Ok(metadata) => {
                    beside.push(KnownFile { path: name.into(), file: FileId::from_metadata(&metadata) })
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    if access == FileAccess::Snapshot {
                        absent.push(name.into());
                    }
                }
                Err(error) => return Err(unknown(error)),
            }
        }
        if has_moved(connection) {
            return Err("its file was moved or replaced while it was opened; start again".to_owned());
        }
        Ok(Self {
            database,
            beside,
            absent,
            unchanged: metadata.modified().ok().filter(|_| access == FileAccess::Snapshot),
            length: AtomicU64::new(metadata.len()),
            log_length: AtomicU64::new(0),
            ambient: ambient.clone(),
            opened: ambient.monotonic(),
            checked_at: AtomicU64::new(0),
        })
    }

    /// Checks the paths before a read, unless a recent check succeeded.
    ///
    /// # Errors
    ///
    /// The same as of [`Self::check`].
    pub(super) fn check_before_read(&self) -> Result<(), String> {
        let now = u64::try_from(self.ambient.elapsed(self.opened).as_millis()).unwrap_or(u64::MAX);
        let interval = INTERVAL.as_millis() as u64;
        let checked_at = self.checked_at.load(Ordering::Relaxed);
        if now < checked_at.saturating_add(interval) {
            return Ok(());
        }
        self.check_paths()?;
        // Stored only after a successful check, so that otherwise every reader checks.
        self.checked_at.store(now, Ordering::Relaxed);
        Ok(())
    }

    /// Checks paths and lengths. Called before a write and after it, because the write may have
    /// been lost in between.
    ///
    /// # Errors
    ///
    /// If a file was moved, replaced or truncated. The message contains advice.
    pub(super) fn check(&self) -> Result<(), String> {
        let length = self.check_paths()?;
        let before = self.length.load(Ordering::Acquire);
        if length < before && !self.is_intact(length) {
            return Err(format!(
                "{} was cut short by another program, from {before} bytes to {length}; end this program and restore a \
                 copy ({})",
                self.database.name(),
                self.restoring()
            ));
        }
        self.length.store(length, Ordering::Release);
        self.check_log()
    }

    /// Checks the length of the log.
    fn check_log(&self) -> Result<(), String> {
        let Some(log) = self.beside.iter().find(|file| file.path.to_string_lossy().ends_with("-wal")) else {
            return Ok(());
        };
        let PathTarget::Same(metadata) = log.look()? else { return Ok(()) };
        let (length, before) = (metadata.len(), self.log_length.load(Ordering::Acquire));
        if length < before && length != 0 {
            return Err(format!(
                "{} was cut short by another program, from {before} bytes to {length}, and changes are lost; end this \
                 program with SIGKILL and restore a copy of {} ({})",
                log.name(),
                self.database.name(),
                self.restoring()
            ));
        }
        self.log_length.store(length, Ordering::Release);
        Ok(())
    }

    /// Checks that all paths lead to the open files. Returns the length of the database.
    pub(super) fn check_paths(&self) -> Result<u64, String> {
        let metadata = match self.database.look()? {
            PathTarget::Same(metadata) => metadata,
            PathTarget::Missing => {
                return Err(format!(
                    "{} was deleted or moved away while this program has it open; put it back, or end this program and \
                     restore a copy ({})",
                    self.database.name(),
                    self.restoring()
                ));
            }
            PathTarget::Other => {
                return Err(format!(
                    "another file has replaced {} while this program has the original open; end this \
                     program, put the right file there ({}), and start it again",
                    self.database.name(),
                    self.restoring()
                ));
            }
        };
        for file in &self.beside {
            if !matches!(file.look()?, PathTarget::Same(_)) {
                return Err(format!(
                    "{}, which belongs to {} while it is open, was deleted or replaced; end this program with SIGTERM, \
                     not SIGKILL: it then writes what it has answered as done into {}",
                    file.name(),
                    self.database.name(),
                    self.database.name()
                ));
            }
        }
        let is_changed = self.unchanged.is_some_and(|before| metadata.modified().ok() != Some(before));
        if is_changed || self.absent.iter().any(|name| name.exists()) {
            return Err(format!("another program has begun to write to {}; try again", self.database.name()));
        }
        Ok(metadata.len())
    }

    /// Returns the advice for restoring a copy. The old log must be removed, because SQLite
    /// would apply it to the copy.
    fn restoring(&self) -> String {
        let names: Vec<_> = self.beside.iter().map(KnownFile::name).collect();
        match names.as_slice() {
            [] => "once it has ended".to_owned(),
            names => format!("once it has ended, and {} are removed", names.join(" and ")),
        }
    }

    /// Returns whether a database that has become shorter is intact, for example because
    /// another program has compacted it. Uses a new connection, because the others still
    /// have the old pages in memory.
    fn is_intact(&self, length: u64) -> bool {
        const HEADER: u64 = 100;
        // SQLite would delete the log of a file without a header.
        if length < HEADER {
            return false;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let checked = Connection::open_with_flags(&self.database.path, flags)
            .and_then(|connection| connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
        checked.is_ok_and(|said: String| said == "ok")
    }
}

/// The file that a path leads to.
enum PathTarget {
    /// The file that is open.
    Same(Metadata),
    /// No file.
    Missing,
    /// Another file.
    Other,
}

impl KnownFile {
    fn look(&self) -> Result<PathTarget, String> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) if FileId::from_metadata(&metadata) == self.file => Ok(PathTarget::Same(metadata)),
            Ok(_) => Ok(PathTarget::Other),
            Err(error) => match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Ok(PathTarget::Missing),
                _ => Err(format!("{} cannot be examined: {error}", self.name())),
            },
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// Returns whether SQLite's file is no longer the one that its path leads to.
fn has_moved(connection: &Connection) -> bool {
    #[cfg(unix)]
    {
        let mut moved = 0;
        let asked = connection.file_control(None::<&str>, rusqlite::FileControl::HasMoved(&mut moved));
        asked.is_ok() && moved != 0
    }
    #[cfg(not(unix))]
    {
        let _ = connection;
        false
    }
}
