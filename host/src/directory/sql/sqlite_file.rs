//! Opening an SQLite file: to write, or to read and leave it as it is.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::backup;
use super::migrations::{Database, Migrate, Unopened, from_to, migrate};
use super::sqlite::{BUSY, words};

/// `LIGA`: what the header of a file says that this program has made.
const APPLICATION_ID: i32 = 0x4c49_4741;
/// Pages that the writer keeps, in KiB.
const WRITER_CACHE: i64 = 64 << 10;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To read and to write.
    Write,
    /// To read, beside others who may write.
    Read,
    /// To read what nobody has open to write: no locks are taken, and no log is made,
    /// which could be nobody else's.
    Snapshot,
}

pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) access: Access,
}

/// Opens a file to read it, and changes nothing.
///
/// # Errors
///
/// When it cannot be read, is of another version or another program's, in words.
pub(super) fn to_read(file: &Path) -> Result<Opened, Unopened> {
    let access = if has_log(file) { Access::Read } else { Access::Snapshot };
    let mut connection = looked_at(file, access).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) if access == Access::Read => Unopened::Now(format!(
            "{file}-wal has changes that are not in the file yet, and can be read only where files may be made; copy \
             {file} and {file}-wal elsewhere and read the copy, or let the program that has written it end",
            file = file.display()
        )),
        _ => unopened(&error),
    })?;
    refuse_others(&connection)?;
    migrate(&mut connection, Migrate::No)?;
    Ok(Opened { connection, access })
}

/// Opens a file to write, brings it to this program's version, and leaves those of
/// other programs as they are.
///
/// # Errors
///
/// When it cannot be written, is newer or another program's, in words.
pub(super) fn to_write(file: &Path, mode: Migrate<'_>) -> Result<Opened, Unopened> {
    let said = |error: rusqlite::Error| unopened(&error);
    let access = Access::Write;
    let mut connection = connect(file, access).map_err(said)?;
    // Until it is known to be a directory, not even its log is written back.
    no_checkpoint(&connection, true).map_err(said)?;
    refuse_others(&connection)?;
    super::migrations::refuse_others(&mut connection)?;
    no_checkpoint(&connection, false).map_err(said)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(said)?;
    keep_pages(&connection, WRITER_CACHE).map_err(said)?;
    // 16 MiB of log before it is written into the tables: four times SQLite's
    // default, so that the pages of one import are written fewer times.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000).map_err(said)?;
    check_writable(&connection).map_err(said)?;
    migrate(&mut connection, mode)?;
    if application_id(&connection).map_err(said)? == 0 {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(said)?;
    }
    Ok(Opened { connection, access })
}

fn unopened(error: &rusqlite::Error) -> Unopened {
    let why = words(error);
    if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        return Unopened::Mistaken(why);
    }
    Unopened::Now(why)
}

/// A connection that has read something.
fn looked_at(file: &Path, access: Access) -> rusqlite::Result<Connection> {
    let connection = connect(file, access)?;
    connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// Opens a connection, and writes nothing.
pub(super) fn connect(file: &Path, access: Access) -> rusqlite::Result<Connection> {
    let threads = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match access {
        Access::Write => Connection::open_with_flags(file, threads | OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        Access::Read => Connection::open_with_flags(file, threads | OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        Access::Snapshot => {
            let flags = threads | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(immutable(file), flags)?
        }
    };
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise each other value for a parameter has the statement planned
    // anew, which takes as long as the look-up itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

pub(super) fn keep_pages(connection: &Connection, kib: i64) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -kib)
}

/// The file as a URI that says that nobody changes it.
fn immutable(file: &Path) -> String {
    let path = file.to_string_lossy();
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    // `//` would begin the name of a machine.
    let path = if path.starts_with("//") { format!("//{path}") } else { path };
    format!("file:{path}?immutable=1")
}

/// Whether somebody has the file open to write, or did not come to its end.
fn has_log(file: &Path) -> bool {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    ["-wal", "-shm", "-journal"].iter().any(|end| {
        let mut name = real.clone().into_os_string();
        name.push(end);
        PathBuf::from(name).exists()
    })
}

fn no_checkpoint(connection: &Connection, none: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, none).map(drop)
}

fn application_id(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA application_id", [], |row| row.get(0))
}

/// Files of programs that say in the header whose they are.
fn refuse_others(connection: &Connection) -> Result<(), Unopened> {
    match application_id(connection).map_err(|error| unopened(&error))? {
        0 | APPLICATION_ID => Ok(()),
        other => Err(Unopened::Mistaken(format!(
            "it is another program's database (its header has the application id {other:#010x}); {}",
            Connection::NOT_OURS
        ))),
    }
}

/// Told now rather than at the first login.
fn check_writable(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")
}

impl Database for Connection {
    const HAS_HISTORY: &'static str =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'refinery_schema_history'";
    const TABLES: &'static str = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND \
         substr(name, 1, 7) <> 'sqlite_' AND name <> 'refinery_schema_history' ORDER BY name";
    const NOT_OURS: &'static str = "name another file";

    fn texts(&mut self, statement: &str) -> Result<Vec<Vec<String>>, String> {
        let said = |error: rusqlite::Error| words(&error);
        let mut statement = self.prepare(statement).map_err(said)?;
        let columns = statement.column_count();
        let text = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Vec<String>> {
            (0..columns).map(|n| Ok(row.get::<_, Option<String>>(n)?.unwrap_or_default())).collect()
        };
        let rows = statement.query_map([], text).map_err(said)?;
        rows.collect::<rusqlite::Result<_>>().map_err(said)
    }

    fn before_a_migration(&mut self, from: usize, tell: &dyn Fn(&str)) -> Result<(), String> {
        let file = self.path().unwrap_or_default().to_owned();
        let copy = backup::copy_of(self, Path::new(&file), from)?;
        tell(&format!(
            "{}; a copy of before is {}. To go back: end every program that has the file open, remove {file}-wal and \
             {file}-shm, put the copy in the place of the file, and use the program of before. The copy holds users: remove it once it \
             is not needed",
            from_to(&file, from),
            copy.display()
        ));
        Ok(())
    }
}
