//! Bringing a database to this program's version.

use std::time::Duration;

use backon::{BlockingRetryable, ConstantBuilder};
use refinery::error::Kind;
use refinery::{Migration, Runner};

use crate::directory::open::OpenError;

/// Every version of the schema, the oldest first. Files are never changed once
/// released: refinery keeps their checksums.
const VERSIONS: [(&str, &str); 4] = [
    ("V1__users", include_str!("migrations/V1__users.sql")),
    ("V2__credentials", include_str!("migrations/V2__credentials.sql")),
    ("V3__last_ip", include_str!("migrations/V3__last_ip.sql")),
    ("V4__journal_place", include_str!("migrations/V4__journal_place.sql")),
];

/// What to do with a database of an older version.
#[derive(Clone, Copy)]
pub(in crate::directory) enum Migrate<'a> {
    /// Bring it to this program's, and tell so first.
    Yes(&'a dyn Fn(&str)),
    /// Refuse it: the database is opened for reading only.
    No,
}

impl Migrate<'_> {
    pub(super) fn is_no(self) -> bool {
        matches!(self, Self::No)
    }
}

impl From<bool> for Migrate<'_> {
    fn from(migrate: bool) -> Self {
        if migrate { Self::Yes(&|_| {}) } else { Self::No }
    }
}

/// A database, and what is asked of it before anything is written.
pub(super) trait Database: refinery::Migrate {
    /// A statement with a row if refinery has written versions down here.
    const HAS_HISTORY: &'static str;
    /// A statement with the names of tables that would be in the way, in order.
    const TABLES: &'static str;
    /// The advice for a database that holds such tables and no version.
    const NOT_OURS: &'static str;

    /// The rows of a statement whose columns are texts.
    fn texts(&mut self, statement: &str) -> Result<Vec<Vec<String>>, String>;

    /// Before a database with users is brought from this version to this program's.
    fn before_a_migration(&mut self, from: usize, tell: &dyn Fn(&str)) -> Result<(), String>;
}

/// The reason that a database is not opened.
#[derive(Debug)]
pub(super) enum Unopened {
    /// It is no directory, and will not be one.
    Mistaken(String),
    /// It cannot be used now.
    Now(String),
}

impl From<String> for Unopened {
    fn from(why: String) -> Self {
        Self::Now(why)
    }
}

impl Unopened {
    pub(super) fn at(self, place: &str) -> OpenError {
        let place = place.to_owned();
        match self {
            Self::Mistaken(why) => OpenError::Mistaken { place, why },
            Self::Now(why) => OpenError::Unusable { place, why },
        }
    }
}

/// The content of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Version(usize),
}

/// Why a database cannot be used.
enum Refusal {
    /// It will not be otherwise.
    Final(Unopened),
    /// Another process may be migrating it at this moment.
    Perhaps(String),
}

/// Brings the database to this program's version, all or nothing, if it is a
/// directory or holds nothing. Of several processes that start on an empty database,
/// all but one come too late the first time; they are given three seconds.
///
/// # Errors
///
/// Why it cannot be, in words.
pub(super) fn migrate<D: Database>(database: &mut D, migrate: Migrate<'_>) -> Result<(), Unopened> {
    let patience = ConstantBuilder::default().with_delay(Duration::from_millis(200)).with_max_times(15);
    let mut is_told = false;
    let migrated = (|| migrate_once(database, migrate, &mut is_told))
        .retry(patience)
        .when(|refusal| matches!(refusal, Refusal::Perhaps(_)))
        .call();
    migrated.map_err(|refusal| match refusal {
        Refusal::Final(why) => why,
        Refusal::Perhaps(why) => Unopened::Now(why),
    })
}

/// Looks, and writes nothing.
///
/// # Errors
///
/// When the database is another program's, or a newer one's, in words.
pub(super) fn refuse_others<D: Database>(database: &mut D) -> Result<(), Unopened> {
    look(database, &versions()?).map(drop)
}

fn versions() -> Result<Vec<Migration>, String> {
    let versions: Result<_, _> = VERSIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect();
    versions.map_err(|error| error.to_string())
}

fn migrate_once<D: Database>(
    database: &mut D,
    migrate: Migrate<'_>,
    is_told: &mut bool,
) -> Result<(), Refusal> {
    let versions = versions().map_err(|why| Refusal::Final(why.into()))?;
    let found = look(database, &versions).map_err(Refusal::Final)?;
    match (found, migrate) {
        // Also for whoever may read and write, and make no tables.
        (Found::Version(version), _) if version == VERSIONS.len() => return Ok(()),
        (Found::Version(version), Migrate::No) => {
            let why = format!(
                "its schema is of version {version}, this program's of {}; `ligature migrate` brings it up to date, as \
                 any command that writes does",
                VERSIONS.len()
            );
            return Err(Refusal::Final(why.into()));
        }
        (Found::Nothing, Migrate::No) => {
            let why = "there is no directory in it yet; a command that writes, such as `ligature users import`, makes one";
            return Err(Refusal::Final(Unopened::Mistaken(why.to_owned())));
        }
        (Found::Version(version), Migrate::Yes(tell)) if !*is_told => {
            database.before_a_migration(version, tell).map_err(|why| Refusal::Final(why.into()))?;
            *is_told = true;
        }
        (_, Migrate::Yes(_)) => {}
    }
    let runner = Runner::new(&versions).set_grouped(true);
    let Err(error) = runner.run(database) else { return Ok(()) };
    Err(match error.kind() {
        Kind::MissingVersion(unknown) => Refusal::Final(newer(unknown.version()).into()),
        Kind::DivergentVersion(_, known) => Refusal::Final(divergent(known.version())),
        _ => Refusal::Perhaps(with_cause(&error)),
    })
}

/// Looks at the content of a database, and writes nothing.
///
/// # Errors
///
/// When it is another program's, or a newer one's, in words.
fn look<D: Database>(database: &mut D, versions: &[Migration]) -> Result<Found, Unopened> {
    let has_history = !database.texts(D::HAS_HISTORY)?.is_empty();
    let applied = if has_history { database.texts(APPLIED)? } else { Vec::new() };
    let Some(last) = applied.last() else {
        let tables: Vec<String> = database.texts(D::TABLES)?.into_iter().flatten().collect();
        if tables.is_empty() {
            return Ok(Found::Nothing);
        }
        const NAMED: usize = 5;
        let more = if tables.len() > NAMED { " …" } else { "" };
        let named: Vec<&str> = tables.iter().take(NAMED).map(String::as_str).collect();
        let why = format!("{} ({}{more}); {}", NOT_A_DIRECTORY, named.join(", "), D::NOT_OURS);
        return Err(Unopened::Mistaken(why));
    };
    let number = |row: &[String]| row.first().and_then(|version| version.parse::<usize>().ok());
    let foreign = || Unopened::Mistaken(format!("{NOT_A_DIRECTORY}; {}", D::NOT_OURS));
    let version = number(last).ok_or_else(foreign)?;
    for row in &applied {
        let known = number(row).and_then(|n| versions.get(n.checked_sub(1)?));
        let is_same = |known: &Migration| row[1..] == [known.name().to_owned(), known.checksum().to_string()];
        match known {
            Some(known) if is_same(known) => {}
            Some(known) => return Err(divergent(known.version())),
            None => return Err(newer(version).into()),
        }
    }
    Ok(Found::Version(version))
}

const NOT_A_DIRECTORY: &str = "it is another program's database";
const APPLIED: &str = "SELECT CAST(version AS TEXT), name, checksum FROM refinery_schema_history ORDER BY refinery_schema_history.version";

/// The announcement of a change of the schema.
pub(super) fn from_to(place: &str, from: usize) -> String {
    format!("the schema of {place} is about to be brought from version {from} to {}", VERSIONS.len())
}

fn divergent(version: impl std::fmt::Display) -> Unopened {
    let why = format!(
        "version {version} of its schema is another one than this program's: it is another program's database"
    );
    Unopened::Mistaken(why)
}

fn newer(version: impl std::fmt::Display) -> String {
    format!(
        "its schema is of version {version}, newer than this program, which knows {}; use the program that wrote it, or \
         a newer one",
        VERSIONS.len()
    )
}

/// An error and what it came from, on one line.
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
