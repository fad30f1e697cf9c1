//! SQLite: one file, one writer, many readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::connection::{Connection, Param, Row};
use super::group_commit::GroupCommit;
use super::login_counts::{self, Counts, LoginCounts};
use super::migrations::{Migrate, migrate};
use super::rows::Rows;
use super::seal::Seal;
use crate::directory::open::OpenError;
use crate::directory::records::{Done, Durability, Interrupted, Logins, Records};
use crate::login::ApiError;

/// How long a writer of another process is waited for.
const BUSY: Duration = Duration::from_secs(5);
/// Connections that read at a time.
const READERS: u32 = 16;
/// How often a moment is looked for at which nobody writes counts down.
const ATTEMPTS: u32 = 50;
/// Pages that a connection keeps, in KiB.
const WRITER_CACHE: i64 = 64 << 10;
const READER_CACHE: i64 = 8 << 10;

pub(super) struct Sqlite {
    file: Arc<File>,
    /// Writes down what was counted. None once it is ended.
    counter: Option<JoinHandle<()>>,
}

struct File {
    readers: r2d2::Pool<Readers>,
    writer: GroupCommit,
    counts: LoginCounts,
    seal: Seal,
}

impl Sqlite {
    pub(super) fn open(file: &Path, seal: Seal, create: bool, mode: Migrate) -> Result<Self, OpenError> {
        let unusable = |why: String| OpenError::Unusable { place: format!("sqlite:{}", file.display()), why };
        if !file.exists() {
            if !create {
                return Err(unusable("there is no such file".to_owned()));
            }
            make(file).map_err(|error| unusable(format!("it cannot be made: {error}")))?;
        }
        let mut writer = connect(file, WRITER_CACHE).map_err(|error| unusable(words(&error)))?;
        if mode == Migrate::Yes {
            check_writable(&writer).map_err(|error| unusable(words(&error)))?;
        }
        migrate(&mut writer, mode).map_err(unusable)?;
        let readers = r2d2::Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(BUSY)
            .build(Readers { file: file.to_owned() })
            .map_err(|error| unusable(error.to_string()))?;
        let counts = LoginCounts::default();
        let file = Arc::new(File { readers, writer: GroupCommit::new(writer), counts, seal });
        let counting = file.clone();
        let counter = std::thread::Builder::new().name("login counts".to_owned()).spawn(move || {
            while counting.counts.wait() {
                // What cannot be written down now, the next transaction does.
                let _ = counting.write(Durability::Process, &mut |_| Ok(()));
            }
        });
        let counter = counter.map_err(|error| unusable(format!("no thread: {error}")))?;
        Ok(Self { file, counter: Some(counter) })
    }

    pub(super) fn read<T>(&self, what: &mut impl FnMut(&mut dyn Records) -> Done<T>) -> Done<T> {
        self.file.read(what)
    }

    /// Reads everything as it is at one moment, beside whoever writes.
    pub(super) fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Done<T> {
        self.file.snapshot(what)
    }

    pub(super) fn write<T>(
        &self,
        durability: Durability,
        what: &mut impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Done<T> {
        self.file.write(durability, what)
    }

    /// False if there is no such user.
    pub(super) fn count_login(&self, user_id: &str, login: Logins) -> Done<bool> {
        let is_there =
            self.file.counts.knows(user_id) || self.read(&mut |records| records.is_user(user_id))?;
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
        if !self.file.counts.is_empty() {
            let _ = self.file.write(Durability::Process, &mut |_| Ok(()));
        }
    }
}

impl File {
    fn read<T>(&self, what: &mut impl FnMut(&mut dyn Records) -> Done<T>) -> Done<T> {
        let mut reader = self.reader()?;
        what(&mut Rows { connection: &mut *reader, seal: &self.seal, pending: Some(&self.counts) })
    }

    fn reader(&self) -> Done<r2d2::PooledConnection<Readers>> {
        self.readers.get().map_err(|error| {
            ApiError::Unavailable(format!("no connection to the database file: {error}")).into()
        })
    }

    fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Done<T> {
        let mut reader = self.reader()?;
        let counts = self.begin_snapshot(&reader)?;
        let done = what(&mut Rows { connection: &mut *reader, seal: &self.seal, pending: Some(&counts) });
        // If this fails, the connection is thrown away.
        let _ = reader.execute_batch("ROLLBACK");
        done
    }

    /// Begins a transaction that reads. Returns the logins that were counted by that
    /// moment and that it does not see: neither any of them twice, nor, but where
    /// others keep writing them down, any left out.
    fn begin_snapshot(&self, reader: &rusqlite::Connection) -> Done<LoginCounts> {
        for attempt in 1.. {
            let moment = self.counts.moment();
            // The first reading settles what the transaction sees.
            reader.execute_batch("BEGIN; SELECT 1 FROM users LIMIT 1").map_err(interrupted)?;
            let is_pending = self.counts.is_pending_still(&moment);
            if is_pending && (moment.is_quiet() || attempt >= ATTEMPTS) {
                return Ok(moment.into());
            }
            if attempt >= 2 * ATTEMPTS {
                break;
            }
            reader.execute_batch("ROLLBACK").map_err(interrupted)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(LoginCounts::default())
    }

    fn write<T>(
        &self,
        durability: Durability,
        what: &mut impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Done<T> {
        let mut counts = Counts::new();
        let done = self.writer.run(durability, |connection| {
            let rows = &mut Rows { connection, seal: &self.seal, pending: None };
            counts = self.counts.take();
            login_counts::write(rows, &counts)?;
            what(rows)
        });
        match &done {
            Ok(_) => self.counts.written(&counts),
            Err(_) => self.counts.put_back(counts),
        }
        done
    }
}

/// An empty file that only its owner may read.
fn make(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        // Another process was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

fn connect(file: &Path, cache_kib: i64) -> rusqlite::Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise each other value for a parameter has the statement planned
    // anew, which takes as long as the look-up itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    // 16 MiB of log before it is written into the tables: four times SQLite's
    // default, so that the pages of one import are written fewer times.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    Ok(connection)
}

/// Told now rather than at the first login.
fn check_writable(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")
}

struct Readers {
    file: PathBuf,
}

impl r2d2::ManageConnection for Readers {
    type Connection = rusqlite::Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<rusqlite::Connection> {
        let connection = connect(&self.file, READER_CACHE)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn is_valid(&self, connection: &mut rusqlite::Connection) -> rusqlite::Result<()> {
        connection.execute_batch("SELECT 1")
    }

    fn has_broken(&self, connection: &mut rusqlite::Connection) -> bool {
        // One whose snapshot was not ended sees the past for ever.
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
    fn execute(&mut self, statement: &'static str, params: &[Param<'_>]) -> Done<u64> {
        let mut statement = self.prepare_cached(statement).map_err(interrupted)?;
        let changed = statement.execute(params_from_iter(params)).map_err(interrupted)?;
        Ok(changed as u64)
    }

    fn query(
        &mut self,
        statement: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Done<()>,
    ) -> Done<()> {
        let mut statement = self.prepare_cached(statement).map_err(interrupted)?;
        let mut rows = statement.query(params_from_iter(params)).map_err(interrupted)?;
        while let Some(row) = rows.next().map_err(interrupted)? {
            each(row)?;
        }
        Ok(())
    }
}

impl Row for rusqlite::Row<'_> {
    fn text(&self, column: usize) -> Done<Option<&str>> {
        let held = self.get_ref(column).map_err(interrupted)?;
        held.as_str_or_null().map_err(unreadable)
    }

    fn int(&self, column: usize) -> Done<Option<i64>> {
        self.get(column).map_err(interrupted)
    }

    fn bytes(&self, column: usize) -> Done<Option<&[u8]>> {
        let held = self.get_ref(column).map_err(interrupted)?;
        held.as_blob_or_null().map_err(unreadable)
    }
}

/// Any column may hold anything in SQLite.
fn unreadable(error: rusqlite::types::FromSqlError) -> Interrupted {
    ApiError::Other(format!("the database holds a value that cannot be read: {error}")).into()
}

/// An error of SQLite's, as the directory answers it.
pub(super) fn interrupted(error: rusqlite::Error) -> Interrupted {
    match error.sqlite_error_code() {
        // It has been waited for, five seconds.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ApiError::Unavailable("another process keeps writing to the database".to_owned()).into()
        }
        _ => ApiError::Unavailable(words(&error)).into(),
    }
}

fn words(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; nothing was changed".to_owned(),
        Some(ErrorCode::ReadOnly) => "the database file is read-only; nothing was changed".to_owned(),
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "the database file, or its folder, may not be opened".to_owned()
        }
        Some(ErrorCode::NotADatabase) => "this is not an SQLite database".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => "the database file is damaged".to_owned(),
        Some(ErrorCode::SystemIoFailure) => format!("the database file cannot be read or written: {error}"),
        _ => error.to_string(),
    }
}
