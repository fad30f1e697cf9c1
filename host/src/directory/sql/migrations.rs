//! Migrating a database to this program's version of the schema.

use std::time::Duration;

use backon::{BlockingRetryable, ConstantBuilder};
use refinery::error::Kind;
use refinery::{Migration, Runner};

use crate::directory::open_error::OpenError;

/// All versions of the schema, the oldest first. A released file must not change, because refinery
/// stores its checksum.
const VERSIONS: [(&str, &str); 9] = [
    ("V1__users", include_str!("migrations/V1__users.sql")),
    ("V2__credentials", include_str!("migrations/V2__credentials.sql")),
    ("V3__last_ip", include_str!("migrations/V3__last_ip.sql")),
    ("V4__journal_place", include_str!("migrations/V4__journal_place.sql")),
    ("V5__journal_state", include_str!("migrations/V5__journal_state.sql")),
    ("V6__decisions", include_str!("migrations/V6__decisions.sql")),
    ("V7__identity_last_login", include_str!("migrations/V7__identity_last_login.sql")),
    ("V8__backfill_runs", include_str!("migrations/V8__backfill_runs.sql")),
    ("V9__directory_id", include_str!("migrations/V9__directory_id.sql")),
];

/// Whether to migrate a database of an older version.
#[derive(Clone, Copy)]
pub(in crate::directory) enum Migrate<'a> {
    /// Migrate it. The function is called with an announcement first.
    Yes(&'a dyn Fn(&str)),
    /// Refuse it, because the database is opened for reading only.
    No,
}

impl Migrate<'_> {
    /// Returns whether the database is opened for reading only.
    pub(super) fn is_no(self) -> bool {
        matches!(self, Self::No)
    }
}

impl From<bool> for Migrate<'_> {
    fn from(migrate: bool) -> Self {
        if migrate { Self::Yes(&|_| {}) } else { Self::No }
    }
}

/// A database, with the queries that run before anything is written.
pub(super) trait Database: refinery::Migrate {
    /// A query that returns a row if refinery's history of versions exists.
    const HAS_HISTORY: &'static str;
    /// A query for the names of conflicting tables, in order.
    const TABLES: &'static str;
    /// The advice for a database with conflicting tables and no version.
    const NOT_OURS: &'static str;

    /// Runs a query whose columns are texts.
    fn query_texts(&mut self, statement: &str) -> Result<TextRows, String>;

    /// Prepares the migration of a non-empty database from version `from`.
    fn prepare_migration(&mut self, from: usize, notify: &dyn Fn(&str)) -> Result<(), String>;
}

/// The reason why a database cannot be opened.
#[derive(Debug)]
pub(super) enum OpenFailure {
    /// The database is not a directory, and cannot become one.
    NotADirectory(String),
    /// The database cannot be used at the moment.
    Unusable(String),
}

impl From<String> for OpenFailure {
    fn from(why: String) -> Self {
        Self::Unusable(why)
    }
}

impl OpenFailure {
    /// Adds the location of the database.
    pub(super) fn with_place(self, place: &str) -> OpenError {
        let place = place.to_owned();
        match self {
            Self::NotADirectory(why) => OpenError::NotADirectory { place, why },
            Self::Unusable(why) => OpenError::Unusable { place, why },
        }
    }
}

/// The version of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DatabaseVersion {
    /// The database is empty.
    Nothing,
    Version(usize),
}

/// The reason why a migration failed.
enum MigrationError {
    /// Repeating it would fail again.
    Final(OpenFailure),
    /// Another process may be migrating the database at this moment.
    Transient(String),
}

/// Migrates a directory, or an empty database, to this program's version, atomically. If several
/// processes start on an empty database, all but one fail at first; they retry for three seconds.
///
/// # Errors
///
/// If the database cannot be migrated.
pub(super) fn migrate<D: Database>(database: &mut D, migrate: Migrate<'_>) -> Result<(), OpenFailure> {
    let patience = ConstantBuilder::default().with_delay(Duration::from_millis(200)).with_max_times(15);
    let mut is_announced = false;
    let migrated = (|| migrate_once(database, migrate, &mut is_announced))
        .retry(patience)
        .when(|error| matches!(error, MigrationError::Transient(_)))
        .call();
    migrated.map_err(|error| match error {
        MigrationError::Final(why) => why,
        MigrationError::Transient(why) => OpenFailure::Unusable(why),
    })
}

/// Checks whether a database is a directory or empty, without writing.
///
/// # Errors
///
/// If the database belongs to another or a newer program.
pub(super) fn refuse_others<D: Database>(database: &mut D) -> Result<(), OpenFailure> {
    read_version(database, &list_versions()?).map(drop)
}

/// Returns all versions of the schema.
fn list_versions() -> Result<Vec<Migration>, String> {
    let versions: Result<_, _> = VERSIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect();
    versions.map_err(|error| error.to_string())
}

/// Tries once to migrate.
fn migrate_once<D: Database>(
    database: &mut D,
    migrate: Migrate<'_>,
    is_announced: &mut bool,
) -> Result<(), MigrationError> {
    let versions = list_versions().map_err(|why| MigrationError::Final(why.into()))?;
    let found = read_version(database, &versions).map_err(MigrationError::Final)?;
    match (found, migrate) {
        // No migration is needed, so the right to create tables is not needed either.
        (DatabaseVersion::Version(version), _) if version == VERSIONS.len() => return Ok(()),
        (DatabaseVersion::Version(version), Migrate::No) => {
            let why = format!(
                "its schema is of version {version}, this program's of {}; `ligature migrate` brings it up to date, as \
                 any command that writes does",
                VERSIONS.len()
            );
            return Err(MigrationError::Final(why.into()));
        }
        (DatabaseVersion::Nothing, Migrate::No) => {
            let why = "there is no directory in it yet; a command that writes, such as `ligature users import`, creates one";
            return Err(MigrationError::Final(OpenFailure::NotADirectory(why.to_owned())));
        }
        (DatabaseVersion::Version(version), Migrate::Yes(notify)) if !*is_announced => {
            database.prepare_migration(version, notify).map_err(|why| MigrationError::Final(why.into()))?;
            *is_announced = true;
        }
        (_, Migrate::Yes(_)) => {}
    }
    let runner = Runner::new(&versions).set_grouped(true);
    let Err(error) = runner.run(database) else { return Ok(()) };
    Err(match error.kind() {
        Kind::MissingVersion(unknown) => MigrationError::Final(describe_newer(unknown.version()).into()),
        Kind::DivergentVersion(_, known) => MigrationError::Final(describe_divergent(known.version())),
        _ => MigrationError::Transient(with_cause(&error)),
    })
}

/// Reads the version of a database, without writing.
///
/// # Errors
///
/// If the database belongs to another or a newer program.
fn read_version<D: Database>(
    database: &mut D,
    versions: &[Migration],
) -> Result<DatabaseVersion, OpenFailure> {
    let (applied, tables) =
        read_applied(&mut |statement| database.query_texts(statement), D::HAS_HISTORY, D::TABLES)?;
    let Some(last) = applied.last() else {
        if tables.is_empty() {
            return Ok(DatabaseVersion::Nothing);
        }
        const NAMED: usize = 5;
        let more = if tables.len() > NAMED { " …" } else { "" };
        let named: Vec<&str> = tables.iter().take(NAMED).map(String::as_str).collect();
        let why = format!("{} ({}{more}); {}", NOT_A_DIRECTORY, named.join(", "), D::NOT_OURS);
        return Err(OpenFailure::NotADirectory(why));
    };
    let number = |row: &[String]| row.first().and_then(|version| version.parse::<usize>().ok());
    let foreign = || OpenFailure::NotADirectory(format!("{NOT_A_DIRECTORY}; {}", D::NOT_OURS));
    let version = number(last).ok_or_else(foreign)?;
    for row in &applied {
        let known = number(row).and_then(|n| versions.get(n.checked_sub(1)?));
        let is_same = |known: &Migration| row[1..] == [known.name().to_owned(), known.checksum().to_string()];
        match known {
            Some(known) if is_same(known) => {}
            Some(known) => return Err(describe_divergent(known.version())),
            None => return Err(describe_newer(version).into()),
        }
    }
    Ok(DatabaseVersion::Version(version))
}

/// The rows of a query whose columns are texts.
type TextRows = Vec<Vec<String>>;

/// Returns the applied versions. If there are none, returns the names of conflicting tables instead.
fn read_applied(
    query: &mut dyn FnMut(&str) -> Result<TextRows, String>,
    has_history: &str,
    tables: &str,
) -> Result<(TextRows, Vec<String>), String> {
    let mut named = Vec::new();
    // Another process may migrate the database between two of the queries. It records the versions
    // together with the tables, so that the second look finds them.
    for _ in 0..2 {
        let has_history = !query(has_history)?.is_empty();
        let applied = if has_history { query(APPLIED)? } else { Vec::new() };
        if !applied.is_empty() {
            return Ok((applied, Vec::new()));
        }
        named = query(tables)?.into_iter().flatten().collect();
        if named.is_empty() {
            break;
        }
    }
    Ok((Vec::new(), named))
}

const NOT_A_DIRECTORY: &str = "it is another program's database";
const APPLIED: &str = "SELECT CAST(version AS TEXT), name, checksum FROM refinery_schema_history ORDER BY refinery_schema_history.version";

/// Returns the announcement of a migration.
pub(super) fn from_to(place: &str, from: usize) -> String {
    format!("the schema of {place} is about to be brought from version {from} to {}", VERSIONS.len())
}

/// Returns the failure for a database whose schema has another history.
fn describe_divergent(version: impl std::fmt::Display) -> OpenFailure {
    let why = format!(
        "version {version} of its schema differs from this program's: it is another program's database"
    );
    OpenFailure::NotADirectory(why)
}

/// Returns the message for a database of a newer program.
fn describe_newer(version: impl std::fmt::Display) -> String {
    format!(
        "its schema is of version {version}, newer than this program, which knows {}; use the program that wrote it, or \
         a newer one",
        VERSIONS.len()
    )
}

/// Describes an error and its causes, on one line.
pub(super) fn with_cause(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !words.contains(&inner) {
            words = format!("{words}: {inner}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{APPLIED, TextRows, read_applied};

    fn row(text: &str) -> TextRows {
        vec![vec![text.to_owned()]]
    }

    /// Another process migrates an empty database before the query with this number.
    fn read_while_another_migrates(before: usize) -> (TextRows, Vec<String>) {
        let mut number = 0;
        let mut query = |statement: &str| {
            let is_migrated = number >= before;
            number += 1;
            Ok(match statement {
                _ if !is_migrated => Vec::new(),
                "history" => row("refinery_schema_history"),
                "tables" => row("users"),
                statement => {
                    assert_eq!(statement, APPLIED);
                    row("8")
                }
            })
        };
        read_applied(&mut query, "history", "tables").expect("it answers")
    }

    #[test]
    fn a_database_that_another_process_migrates_meanwhile_is_not_of_another_program() {
        assert_eq!(read_while_another_migrates(0), (row("8"), Vec::new()));
        assert_eq!(read_while_another_migrates(1), (row("8"), Vec::new()));
        assert_eq!(read_while_another_migrates(2), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_database_of_another_program_has_tables_and_no_versions() {
        let mut query = |statement: &str| Ok(if statement == "tables" { row("orders") } else { Vec::new() });
        let read = read_applied(&mut query, "history", "tables");
        assert_eq!(read, Ok((Vec::new(), vec!["orders".to_owned()])));
    }
}
