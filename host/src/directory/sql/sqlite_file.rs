//! Opening an SQLite file for writing, or for reading without changing it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::{BlockingRetryable, ConstantBuilder};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::backup;
use super::migrations::{Database, Migrate, OpenFailure, from_to, migrate};
use super::sqlite_error::{BUSY, describe};

/// The application ID in the header of this program's files: `LIGA`.
const APPLICATION_ID: i32 = 0x4c49_4741;
/// The page cache of the writer, in KiB.
const WRITER_CACHE: i64 = 64 << 10;

/// The way in which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileAccess {
    /// For reading and writing.
    Write,
    /// For reading, while other programs may write.
    Read,
    /// For reading a file that no program has open for writing. No locks are taken and no log is
    /// created, so that no new file appears beside it.
    Snapshot,
}

/// An opened file.
pub(super) struct OpenedFile {
    pub(super) connection: Connection,
    pub(super) access: FileAccess,
}

/// Opens a file for reading, without changing it.
///
/// # Errors
///
/// If it cannot be read, has another version, or belongs to another program.
pub(super) fn open_to_read(file: &Path) -> Result<OpenedFile, OpenFailure> {
    let access = if has_log(file) { FileAccess::Read } else { FileAccess::Snapshot };
    let mut connection = connect_and_read(file, access).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) if access == FileAccess::Read => OpenFailure::Unusable(format!(
            "{file}-wal has changes that are not in the file yet, and can be read only where files may be made; copy \
             {file} and {file}-wal elsewhere and read the copy, or let the program that has written it end",
            file = file.display()
        )),
        _ => open_failure(&error),
    })?;
    refuse_others(&connection)?;
    migrate(&mut connection, Migrate::No)?;
    Ok(OpenedFile { connection, access })
}

/// Opens a file for writing, and migrates it to this program's version. Does not change
/// files of other programs.
///
/// # Errors
///
/// If it cannot be written, is newer, or belongs to another program.
pub(super) fn open_to_write(file: &Path, mode: Migrate<'_>) -> Result<OpenedFile, OpenFailure> {
    let failed = |error: rusqlite::Error| open_failure(&error);
    let access = FileAccess::Write;
    let mut connection = connect(file, access).map_err(failed)?;
    // Until the file is known to be a directory, not even its log is written back.
    disable_checkpoint_on_close(&connection, true).map_err(failed)?;
    refuse_others(&connection)?;
    super::migrations::refuse_others(&mut connection)?;
    disable_checkpoint_on_close(&connection, false).map_err(failed)?;
    turn_log_on(&connection).map_err(failed)?;
    set_cache_size(&connection, WRITER_CACHE).map_err(failed)?;
    // Checkpoints after 16 MiB of log, four times SQLite's default, so that an import
    // writes its pages fewer times.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000).map_err(failed)?;
    check_writable(&connection).map_err(failed)?;
    migrate(&mut connection, mode)?;
    if application_id(&connection).map_err(failed)? == 0 {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    }
    Ok(OpenedFile { connection, access })
}

/// Turns the write-ahead log on. SQLite may fail at once, without waiting for [`BUSY`], while another
/// program does the same.
fn turn_log_on(connection: &Connection) -> rusqlite::Result<()> {
    const DELAY: Duration = Duration::from_millis(20);
    let times = (BUSY.as_millis() / DELAY.as_millis()) as usize;
    // Otherwise each attempt might wait as long as all of them together.
    connection.busy_timeout(Duration::ZERO)?;
    (|| connection.pragma_update(None, "journal_mode", "WAL"))
        .retry(ConstantBuilder::default().with_delay(DELAY).with_max_times(times))
        .when(|error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
        .call()?;
    connection.busy_timeout(BUSY)
}

/// Converts an error of SQLite.
fn open_failure(error: &rusqlite::Error) -> OpenFailure {
    let why = describe(error);
    if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        return OpenFailure::NotADirectory(why);
    }
    OpenFailure::Unusable(why)
}

/// Opens a connection, and checks that it can read.
fn connect_and_read(file: &Path, access: FileAccess) -> rusqlite::Result<Connection> {
    let connection = connect(file, access)?;
    connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// Opens a connection, without writing.
pub(super) fn connect(file: &Path, access: FileAccess) -> rusqlite::Result<Connection> {
    let threads = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match access {
        FileAccess::Write => Connection::open_with_flags(file, threads | OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        FileAccess::Read => Connection::open_with_flags(file, threads | OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        FileAccess::Snapshot => {
            let flags = threads | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(immutable_uri(file), flags)?
        }
    };
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise SQLite plans a statement again for different parameters, which takes as long as the
    // look-up itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Sets the size of the page cache.
pub(super) fn set_cache_size(connection: &Connection, kib: i64) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -kib)
}

/// Returns the URI that opens a file as immutable.
fn immutable_uri(file: &Path) -> String {
    let path = file.to_string_lossy();
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    // A leading `//` would be read as the name of a host.
    let path = if path.starts_with("//") { format!("//{path}") } else { path };
    format!("file:{path}?immutable=1")
}

/// Returns whether a program has the file open for writing, or was killed while it had.
fn has_log(file: &Path) -> bool {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    ["-wal", "-shm", "-journal"].iter().any(|end| {
        let mut name = real.clone().into_os_string();
        name.push(end);
        PathBuf::from(name).exists()
    })
}

/// Sets whether the log is left as it is when the connection closes.
fn disable_checkpoint_on_close(connection: &Connection, disabled: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, disabled).map(drop)
}

/// Returns the application id in the file's header.
fn application_id(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA application_id", [], |row| row.get(0))
}

/// Fails if the file's header has the application id of another program.
fn refuse_others(connection: &Connection) -> Result<(), OpenFailure> {
    match application_id(connection).map_err(|error| open_failure(&error))? {
        0 | APPLICATION_ID => Ok(()),
        other => Err(OpenFailure::NotADirectory(format!(
            "it is another program's database (its header has the application id {other:#010x}); {}",
            Connection::NOT_OURS
        ))),
    }
}

/// Fails if the file cannot be written, so that this is reported at the start rather than at the
/// first login.
fn check_writable(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")
}

impl Database for Connection {
    const HAS_HISTORY: &'static str =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'refinery_schema_history'";
    const TABLES: &'static str = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND \
         substr(name, 1, 7) <> 'sqlite_' AND name <> 'refinery_schema_history' ORDER BY name";
    const NOT_OURS: &'static str = "name another file";

    fn query_texts(&mut self, statement: &str) -> Result<Vec<Vec<String>>, String> {
        let failed = |error: rusqlite::Error| describe(&error);
        let mut statement = self.prepare(statement).map_err(failed)?;
        let columns = statement.column_count();
        let text = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Vec<String>> {
            (0..columns).map(|n| Ok(row.get::<_, Option<String>>(n)?.unwrap_or_default())).collect()
        };
        let rows = statement.query_map([], text).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    fn prepare_migration(&mut self, from: usize, notify: &dyn Fn(&str)) -> Result<(), String> {
        let file = self.path().unwrap_or_default().to_owned();
        let copy = backup::back_up(self, Path::new(&file), from)?;
        notify(&format!(
            "{}; a copy from before the change is {}. To go back: end every program that has the file open, \
             remove {file}-wal and \
             {file}-shm, put the copy in the place of the file, and use the earlier version of the program. \
             The copy holds users: remove it once it \
             is not needed",
            from_to(&file, from),
            copy.display()
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;
    use std::sync::Barrier;
    use std::time::Duration;

    use rusqlite::Connection;

    use super::{Migrate, OpenFailure, OpenedFile, open_to_write};

    fn open(file: &Path) -> Result<OpenedFile, OpenFailure> {
        open_to_write(file, Migrate::Yes(&|_| {}))
    }

    #[test]
    fn programs_that_start_at_once_create_one_directory() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..40 {
            let file = folder.path().join(round.to_string());
            File::create(&file).unwrap();
            let begin = Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        begin.wait();
                        if let Err(why) = open(&file) {
                            panic!("round {round}: {why:?}");
                        }
                    });
                }
            });
        }
    }

    #[test]
    fn a_new_file_that_another_program_writes_to_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.db");
        let other = Connection::open(&file).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                drop(other);
            });
            assert!(open(&file).is_ok());
        });
    }

    #[test]
    fn a_new_file_that_another_program_keeps_locked_is_named_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.db");
        let other = Connection::open(&file).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        match open(&file).err() {
            Some(OpenFailure::Unusable(why)) => {
                assert_eq!(why, "another program keeps it locked; try again, or end that program");
            }
            other => panic!("{other:?}"),
        }
    }
}
