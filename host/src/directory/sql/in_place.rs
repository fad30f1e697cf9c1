//! Whether the files that are open are still those that their names lead to.
//!
//! A file that is deleted or replaced stays readable and writable for those who
//! have it open: SQLite goes on with it, and every change is lost at the end.

use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::sqlite_file::Access;
use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// Readers look at most so often. Writers look at every transaction.
const OFTEN: Duration = Duration::from_millis(100);

/// The database file, and the two that SQLite keeps beside it.
pub(super) struct InPlace {
    database: Known,
    beside: Vec<Known>,
    /// Where no locks are taken: what must not be there, as whoever begins to write
    /// makes it first.
    absent: Vec<PathBuf>,
    /// And when the database was changed last.
    unchanged: Option<SystemTime>,
    /// How long the database was when it was looked at last, in bytes. Checkpoints
    /// make it longer; only another program makes it shorter.
    length: AtomicU64,
    /// The same of the log. Only a checkpoint makes it shorter, and then empty.
    log_length: AtomicU64,
    ambient: Ambient,
    opened: Monotonic,
    /// When a reader has looked last, in milliseconds since it was opened.
    looked: AtomicU64,
}

struct Known {
    path: PathBuf,
    file: FileId,
}

/// The identity of a file on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl FileId {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Elsewhere an open file can neither be deleted nor replaced.
    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self {}
    }
}

impl InPlace {
    /// The files that this connection has opened by this path. It must have begun
    /// a transaction once: SQLite opens the log then.
    ///
    /// # Errors
    ///
    /// When they are gone already, in words.
    pub(super) fn of(
        path: &Path,
        connection: &Connection,
        access: Access,
        ambient: &Ambient,
    ) -> Result<Self, String> {
        let unknown = |error: std::io::Error| format!("its file cannot be looked at: {error}");
        let metadata = std::fs::metadata(path).map_err(unknown)?;
        let database = Known { path: path.to_owned(), file: FileId::of(&metadata) };
        // SQLite keeps them beside the file that a symbolic link leads to.
        let real = path.canonicalize().map_err(unknown)?;
        let (mut beside, mut absent) = (Vec::new(), Vec::new());
        for end in ["-wal", "-shm"] {
            let mut name = OsString::from(&real);
            name.push(end);
            match std::fs::metadata(&name) {
                Ok(metadata) => beside.push(Known { path: name.into(), file: FileId::of(&metadata) }),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    if access == Access::Snapshot {
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
            unchanged: metadata.modified().ok().filter(|_| access == Access::Snapshot),
            length: AtomicU64::new(metadata.len()),
            log_length: AtomicU64::new(0),
            ambient: ambient.clone(),
            opened: ambient.monotonic(),
            looked: AtomicU64::new(0),
        })
    }

    /// Before something is read.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub(super) fn check_now_and_then(&self) -> Result<(), String> {
        let now = u64::try_from(self.ambient.elapsed(self.opened).as_millis()).unwrap_or(u64::MAX);
        let often = OFTEN.as_millis() as u64;
        let looked = self.looked.load(Ordering::Relaxed);
        if now < looked.saturating_add(often) {
            return Ok(());
        }
        self.check_names()?;
        // Only of files that are in place: otherwise every reader looks.
        self.looked.store(now, Ordering::Relaxed);
        Ok(())
    }

    /// Before something is written, and once it is: what was written in between may
    /// be lost.
    ///
    /// # Errors
    ///
    /// When a file is not in its place, in words: what happened, and what to do.
    pub(super) fn check(&self) -> Result<(), String> {
        let length = self.check_names()?;
        let before = self.length.load(Ordering::Acquire);
        if length < before && !self.is_whole(length) {
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

    fn check_log(&self) -> Result<(), String> {
        let Some(log) = self.beside.iter().find(|file| file.path.to_string_lossy().ends_with("-wal")) else {
            return Ok(());
        };
        let Place::Taken(metadata) = log.look()? else { return Ok(()) };
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

    /// How long the database is, if all names lead to what is open.
    pub(super) fn check_names(&self) -> Result<u64, String> {
        let metadata = match self.database.look()? {
            Place::Taken(metadata) => metadata,
            Place::Empty => {
                return Err(format!(
                    "{} was deleted or moved away while this program has it open; put it back, or end this program and \
                     restore a copy ({})",
                    self.database.name(),
                    self.restoring()
                ));
            }
            Place::Others => {
                return Err(format!(
                    "another file is in the place of {} while this program has the one before open; end this program, \
                     see to it that the right file is there ({}), and start it again",
                    self.database.name(),
                    self.restoring()
                ));
            }
        };
        for file in &self.beside {
            if !matches!(file.look()?, Place::Taken(_)) {
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

    /// A log of another file would be written into the copy.
    fn restoring(&self) -> String {
        let names: Vec<_> = self.beside.iter().map(Known::name).collect();
        match names.as_slice() {
            [] => "once it has ended".to_owned(),
            names => format!("once it has ended, and {} are removed", names.join(" and ")),
        }
    }

    /// Whether a database that is shorter than before has lost nothing, as when
    /// another program has compacted it. Read through a connection of its own:
    /// others still have the pages in memory.
    fn is_whole(&self, length: u64) -> bool {
        const HEADER: u64 = 100;
        // SQLite deletes the log of a file without a header.
        if length < HEADER {
            return false;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let checked = Connection::open_with_flags(&self.database.path, flags)
            .and_then(|connection| connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
        checked.is_ok_and(|said: String| said == "ok")
    }
}

/// The thing that a name leads to.
enum Place {
    /// The file that is open.
    Taken(Metadata),
    Empty,
    /// Another file.
    Others,
}

impl Known {
    fn look(&self) -> Result<Place, String> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) if FileId::of(&metadata) == self.file => Ok(Place::Taken(metadata)),
            Ok(_) => Ok(Place::Others),
            Err(error) => match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Ok(Place::Empty),
                _ => Err(format!("{} cannot be looked at: {error}", self.name())),
            },
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// Whether the file that SQLite has opened is another than its name leads to.
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
