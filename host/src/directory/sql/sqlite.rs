//! SQLite: one file, one writer, many readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{ErrorCode, ToSql, params_from_iter};

use super::connection::{Connection, Param, Row};
use super::entry_row::go_on_behind;
use super::group_commit::GroupCommit;
use super::in_place::InPlace;
use super::login_counts::{self, Counts, LoginCounts};
use super::migrations::{Migrate, Unopened};
use super::rows::Rows;
use super::seal::Seal;
use super::sqlite_file::{self, Access, Opened};
use crate::directory::PoolState;
use crate::directory::open::OpenError;
use crate::directory::records::{Done, Durability, Interrupted, Logins, Records};
use crate::model::ApiError;

/// How long a transaction waits: for others of this process, and for a writer of
/// another.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Connections that read at a time.
const READERS: u32 = 16;
/// How often a moment is looked for at which nobody writes counts down.
const ATTEMPTS: u32 = 50;
/// Pages that a reader keeps, in KiB.
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
    files: Arc<InPlace>,
    access: Access,
}

impl Sqlite {
    pub(super) fn open(file: &Path, seal: Seal, create: bool, mode: Migrate<'_>) -> Result<Self, OpenError> {
        let place = format!("sqlite:{}", file.display());
        let unusable = |why: String| OpenError::Unusable { place: place.clone(), why };
        // A pipe would be waited for without end.
        if std::fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Unopened::Mistaken("this is no file".to_owned()).at(&place));
        }
        if !file.exists() {
            if !create {
                return Err(Unopened::Mistaken("there is no such file".to_owned()).at(&place));
            }
            make(file).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    Unopened::Mistaken("there is no such folder for it".to_owned()).at(&place)
                }
                _ => unusable(format!("it cannot be made: {error}")),
            })?;
        }
        let opened =
            if mode.is_no() { sqlite_file::to_read(file) } else { sqlite_file::to_write(file, mode) };
        let Opened { mut connection, access } = opened.map_err(|why| why.at(&place))?;
        go_on_behind(&mut connection, &seal.ambient).map_err(unusable)?;
        let files = Arc::new(InPlace::of(file, &connection, access, &seal.ambient).map_err(unusable)?);
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
        if access != Access::Write {
            return Ok(Self { file, counter: None });
        }
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

    pub(super) fn pool_state(&self) -> PoolState {
        let state = self.file.readers.state();
        PoolState { open: state.connections, idle: state.idle_connections, limit: READERS }
    }

    /// False if there is no such user.
    pub(super) fn count_login(&self, user_id: &str, login: Logins) -> Done<bool> {
        self.file.refuse_to_read_only()?;
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
        if self.file.access != Access::Write {
            return;
        }
        if !self.file.counts.is_empty() {
            let _ = self.file.write(Durability::Process, &mut |_| Ok(()));
        }
        // The last connection writes the log into the file by itself. A reader that is
        // closed on another thread may be the last, and the process end before.
        self.file.writer.write_log_back();
    }
}

impl File {
    fn read<T>(&self, what: &mut impl FnMut(&mut dyn Records) -> Done<T>) -> Done<T> {
        let mut reader = self.reader()?;
        let done = what(&mut Rows { pending: Some(&self.counts), ..Rows::new(&mut *reader, &self.seal) });
        self.still_in_place()?;
        done
    }

    fn reader(&self) -> Done<r2d2::PooledConnection<Readers>> {
        self.files.check_now_and_then().map_err(ApiError::Unavailable)?;
        self.still_in_place()?;
        self.readers.get().map_err(|error| {
            ApiError::Unavailable(format!("no connection to the database file: {error}")).into()
        })
    }

    /// Where the file is read as one that does not change, somebody may have begun
    /// to write it.
    fn still_in_place(&self) -> Done<()> {
        if self.access == Access::Snapshot {
            self.files.check_names().map_err(ApiError::Unavailable)?;
        }
        Ok(())
    }

    fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Done<T> {
        let mut reader = self.reader()?;
        let counts = self.begin_snapshot(&reader)?;
        let done = what(&mut Rows { pending: Some(&counts), ..Rows::new(&mut *reader, &self.seal) });
        // If this fails, the connection is thrown away.
        let _ = reader.execute_batch("ROLLBACK");
        self.still_in_place()?;
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
        self.refuse_to_read_only()?;
        let mut counts = Counts::new();
        let done = self.writer.run(durability, |connection| {
            let rows = &mut Rows::new(connection, &self.seal);
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

impl File {
    fn refuse_to_read_only(&self) -> Done<()> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read | Access::Snapshot => {
                let why = "the directory was opened for reading only; nothing was changed".to_owned();
                Err(ApiError::Unavailable(why).into())
            }
        }
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

/// The reason that there is no connection to read with.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{0}")]
    NotInPlace(String),
    #[error("{}", words(.0))]
    Sqlite(#[from] rusqlite::Error),
}

struct Readers {
    file: PathBuf,
    files: Arc<InPlace>,
    access: Access,
}

impl r2d2::ManageConnection for Readers {
    type Connection = rusqlite::Connection;
    type Error = Unreadable;

    fn connect(&self) -> Result<rusqlite::Connection, Unreadable> {
        // By a name that leads elsewhere, another database would be read.
        self.files.check_names().map_err(Unreadable::NotInPlace)?;
        let connection = sqlite_file::connect(&self.file, self.access)?;
        sqlite_file::keep_pages(&connection, READER_CACHE)?;
        self.files.check_names().map_err(Unreadable::NotInPlace)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn is_valid(&self, connection: &mut rusqlite::Connection) -> Result<(), Unreadable> {
        Ok(connection.execute_batch("SELECT 1")?)
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
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => busy(),
        _ => ApiError::Unavailable(words(&error)).into(),
    }
}

/// It has been waited for, five seconds in all.
pub(super) fn busy() -> Interrupted {
    ApiError::Unavailable("another process keeps writing to the database; nothing was changed".to_owned())
        .into()
}

pub(super) fn words(error: &rusqlite::Error) -> String {
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
