//! A directory in an SQLite file, with one writer and many readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{ToSql, params_from_iter};

use super::connection::{Connection, Param, Row};
use super::group_commit::GroupCommit;
use super::journal_rows::advance_past_entries;
use super::login_counts::{self, Counts, LoginCounts};
use super::migrations::{Migrate, OpenFailure};
use super::open_files::OpenFiles;
use super::rows::Rows;
use super::seal::Seal;
use super::sqlite_error::{BUSY, describe, sqlite_error};
use super::sqlite_file::{self, FileAccess, OpenedFile};
use crate::directory::location::find_missing_folder;
use crate::directory::open_error::OpenError;
use crate::directory::records::{LoginTally, Records, TxError, TxResult};
use crate::directory::state::PoolState;
use crate::directory::store::Durability;
use crate::model::ApiError;
use crate::reading::describe_io_error;

/// The maximum number of connections that read.
const READERS: u32 = 16;
/// The number of attempts to begin a snapshot while no counts are being written.
const ATTEMPTS: u32 = 50;
/// The page cache of a reader, in KiB.
const READER_CACHE: i64 = 8 << 10;

/// A directory in an SQLite file.
pub(super) struct Sqlite {
    file: Arc<File>,
    /// The thread that writes counted logins. `None` once it has ended, or if the file is
    /// read-only.
    counter: Option<JoinHandle<()>>,
}

struct File {
    readers: r2d2::Pool<Readers>,
    writer: GroupCommit,
    counts: LoginCounts,
    seal: Seal,
    files: Arc<OpenFiles>,
    access: FileAccess,
}

impl Sqlite {
    /// Opens a file.
    pub(super) fn open(file: &Path, seal: Seal, create: bool, mode: Migrate<'_>) -> Result<Self, OpenError> {
        let place = format!("sqlite:{}", file.display());
        let unusable = |why: String| OpenError::Unusable { place: place.clone(), why };
        // Opening a pipe would block forever.
        if std::fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(
                OpenFailure::NotADirectory("this is not a regular file".to_owned()).with_place(&place)
            );
        }
        if !file.exists() {
            let missing = match find_missing_folder(file) {
                Some(folder) => Some(format!("its folder {} does not exist", folder.display())),
                None => (!create).then(|| "there is no such file".to_owned()),
            };
            if let Some(why) = missing {
                return Err(OpenFailure::NotADirectory(why).with_place(&place));
            }
            create_file(file)
                .map_err(|error| unusable(format!("it cannot be made: {}", describe_io_error(&error))))?;
        }
        let opened = if mode.is_no() {
            sqlite_file::open_to_read(file)
        } else {
            sqlite_file::open_to_write(file, mode)
        };
        let OpenedFile { mut connection, access } = opened.map_err(|why| why.with_place(&place))?;
        advance_past_entries(&mut connection, &seal.ambient).map_err(unusable)?;
        let files = Arc::new(OpenFiles::new(file, &connection, access, &seal.ambient).map_err(unusable)?);
        let readers = r2d2::Pool::builder()
            .max_size(READERS)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(BUSY)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build(Readers { file: file.to_owned(), files: files.clone(), access })
            .map_err(|error| unusable(error.to_string()))?;
        let counts = LoginCounts::default();
        let writer = GroupCommit::new(connection, files.clone(), BUSY, &seal.ambient);
        let file = Arc::new(File { readers, writer, counts, seal, files, access });
        if access != FileAccess::Write {
            return Ok(Self { file, counter: None });
        }
        let counting = file.clone();
        let counter = std::thread::Builder::new().name("login counts".to_owned()).spawn(move || {
            while counting.counts.wait() {
                // If this fails, the next transaction writes the counts.
                let _ = counting.write(Durability::Process, &mut |_| Ok(()));
            }
        });
        let counter = counter.map_err(|error| unusable(format!("no thread: {error}")))?;
        Ok(Self { file, counter: Some(counter) })
    }

    /// Runs a transaction that only reads.
    pub(super) fn read<T>(&self, work: &mut impl FnMut(&mut dyn Records) -> TxResult<T>) -> TxResult<T> {
        self.file.read(work)
    }

    /// Runs a read on a consistent snapshot, without blocking writers.
    pub(super) fn snapshot<T>(&self, work: impl FnOnce(&mut dyn Records) -> TxResult<T>) -> TxResult<T> {
        self.file.snapshot(work)
    }

    /// Runs a transaction that writes.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        work: &mut impl FnMut(&mut dyn Records) -> TxResult<T>,
    ) -> TxResult<T> {
        self.file.write(durability, work)
    }

    /// Returns the state of the connections that read.
    pub(super) fn pool_state(&self) -> PoolState {
        let state = self.file.readers.state();
        PoolState { open: state.connections, idle: state.idle_connections, limit: READERS }
    }

    /// Counts a login. Returns `false` if there is no such user.
    pub(super) fn count_login(&self, user_id: &str, login: &LoginTally) -> TxResult<bool> {
        self.file.refuse_if_read_only()?;
        let is_there =
            self.file.counts.has_counts_of(user_id) || self.read(&mut |records| records.is_user(user_id))?;
        if is_there {
            self.file.counts.count(user_id, login);
        }
        Ok(is_there)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.file.counts.stop();
        if let Some(counter) = self.counter.take() {
            let _ = counter.join();
        }
        if self.file.access != FileAccess::Write {
            return;
        }
        if !self.file.counts.is_empty() {
            let _ = self.file.write(Durability::Process, &mut |_| Ok(()));
        }
        // The last connection to close writes the log into the file. That may be a reader on
        // another thread, and the process may end before it closes.
        self.file.writer.write_log_back();
    }
}

impl File {
    fn read<T>(&self, work: &mut impl FnMut(&mut dyn Records) -> TxResult<T>) -> TxResult<T> {
        let mut reader = self.reader()?;
        let done = work(&mut Rows { pending: Some(&self.counts), ..Rows::new(&mut *reader, &self.seal) });
        self.check_snapshot_files()?;
        done
    }

    fn reader(&self) -> TxResult<r2d2::PooledConnection<Readers>> {
        self.files.check_before_read().map_err(ApiError::Unavailable)?;
        self.check_snapshot_files()?;
        self.readers.get().map_err(|error| {
            ApiError::Unavailable(format!("no connection to the database file: {error}")).into()
        })
    }

    /// Fails if a file that is read without locks is being written by another program.
    fn check_snapshot_files(&self) -> TxResult<()> {
        if self.access == FileAccess::Snapshot {
            self.files.check_paths().map_err(ApiError::Unavailable)?;
        }
        Ok(())
    }

    fn snapshot<T>(&self, work: impl FnOnce(&mut dyn Records) -> TxResult<T>) -> TxResult<T> {
        let mut reader = self.reader()?;
        let counts = self.begin_snapshot(&reader)?;
        let done = work(&mut Rows { pending: Some(&counts), ..Rows::new(&mut *reader, &self.seal) });
        // If this fails, the pool discards the connection.
        let _ = reader.execute_batch("ROLLBACK");
        self.check_snapshot_files()?;
        done
    }

    /// Begins a read transaction. Returns the logins that were counted by then but that the
    /// transaction does not see. None of them is counted twice, and none is missing unless other
    /// transactions keep writing counts.
    fn begin_snapshot(&self, reader: &rusqlite::Connection) -> TxResult<LoginCounts> {
        for attempt in 1.. {
            let pending = self.counts.snapshot();
            // The first read fixes the snapshot of the transaction.
            reader.execute_batch("BEGIN; SELECT 1 FROM users LIMIT 1").map_err(sqlite_error)?;
            let is_pending = self.counts.is_pending_still(&pending);
            if is_pending && (pending.is_quiet() || attempt >= ATTEMPTS) {
                return Ok(pending.into());
            }
            if attempt >= 2 * ATTEMPTS {
                break;
            }
            reader.execute_batch("ROLLBACK").map_err(sqlite_error)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(LoginCounts::default())
    }

    fn write<T>(
        &self,
        durability: Durability,
        work: &mut impl FnMut(&mut dyn Records) -> TxResult<T>,
    ) -> TxResult<T> {
        self.refuse_if_read_only()?;
        let mut counts = Counts::new();
        let done = self.writer.run(durability, |connection| {
            let rows = &mut Rows::new(connection, &self.seal);
            counts = self.counts.take();
            login_counts::write(rows, &counts)?;
            work(rows)
        });
        match &done {
            Ok(_) => self.counts.confirm_written(&counts),
            Err(_) => self.counts.put_back(counts),
        }
        done
    }
}

impl File {
    /// Fails if the file was opened for reading only.
    fn refuse_if_read_only(&self) -> TxResult<()> {
        match self.access {
            FileAccess::Write => Ok(()),
            FileAccess::Read | FileAccess::Snapshot => {
                let why = "the directory was opened for reading only; nothing was changed".to_owned();
                Err(ApiError::Unavailable(why).into())
            }
        }
    }
}

/// Creates an empty file that only its owner may read.
fn create_file(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        // Another process has just created it.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

/// The reason why a connection for reading failed.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{0}")]
    NotInPlace(String),
    #[error("{}", describe(.0))]
    Sqlite(#[from] rusqlite::Error),
}

struct Readers {
    file: PathBuf,
    files: Arc<OpenFiles>,
    access: FileAccess,
}

impl r2d2::ManageConnection for Readers {
    type Connection = rusqlite::Connection;
    type Error = Unreadable;

    fn connect(&self) -> Result<rusqlite::Connection, Unreadable> {
        // If the path leads to another file now, another database would be read.
        self.files.check_paths().map_err(Unreadable::NotInPlace)?;
        let connection = sqlite_file::connect(&self.file, self.access)?;
        sqlite_file::set_cache_size(&connection, READER_CACHE)?;
        self.files.check_paths().map_err(Unreadable::NotInPlace)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn is_valid(&self, connection: &mut rusqlite::Connection) -> Result<(), Unreadable> {
        Ok(connection.execute_batch("SELECT 1")?)
    }

    fn has_broken(&self, connection: &mut rusqlite::Connection) -> bool {
        // A connection with an open snapshot never sees later changes.
        !connection.is_autocommit()
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match *self {
            Self::Text(Some(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Int(Some(number)) => ToSqlOutput::Borrowed(ValueRef::Integer(number)),
            Self::Bytes(Some(bytes)) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Text(None) | Self::Int(None) | Self::Bytes(None) => ToSqlOutput::Owned(Value::Null),
        })
    }
}

impl Connection for rusqlite::Connection {
    const LOCKS_ROWS: bool = false;

    fn execute(&mut self, statement: &'static str, params: &[Param<'_>]) -> TxResult<u64> {
        let mut statement = self.prepare_cached(statement).map_err(sqlite_error)?;
        let changed = statement.execute(params_from_iter(params)).map_err(sqlite_error)?;
        Ok(changed as u64)
    }

    fn query(
        &mut self,
        statement: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&dyn Row) -> TxResult<()>,
    ) -> TxResult<()> {
        let mut statement = self.prepare_cached(statement).map_err(sqlite_error)?;
        let mut rows = statement.query(params_from_iter(params)).map_err(sqlite_error)?;
        while let Some(row) = rows.next().map_err(sqlite_error)? {
            each(row)?;
        }
        Ok(())
    }
}

impl Row for rusqlite::Row<'_> {
    fn text(&self, column: usize) -> TxResult<Option<&str>> {
        let held = self.get_ref(column).map_err(sqlite_error)?;
        held.as_str_or_null().map_err(unreadable)
    }

    fn int(&self, column: usize) -> TxResult<Option<i64>> {
        self.get(column).map_err(sqlite_error)
    }

    fn bytes(&self, column: usize) -> TxResult<Option<&[u8]>> {
        let held = self.get_ref(column).map_err(sqlite_error)?;
        held.as_blob_or_null().map_err(unreadable)
    }
}

/// Returns the error for a value of an unexpected type: SQLite does not enforce column types.
fn unreadable(error: rusqlite::types::FromSqlError) -> TxError {
    ApiError::Other(format!("the database holds a value that cannot be read: {error}")).into()
}
