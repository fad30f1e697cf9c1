//! Bringing a database to this program's version.

use std::time::Duration;

use backon::{BlockingRetryable, ConstantBuilder};
use refinery::error::Kind;
use refinery::{Migration, Runner};

/// Every version of the schema, the oldest first. Files are never changed once
/// released: refinery keeps their checksums.
const VERSIONS: [(&str, &str); 4] = [
    ("V1__users", include_str!("migrations/V1__users.sql")),
    ("V2__credentials", include_str!("migrations/V2__credentials.sql")),
    ("V3__last_ip", include_str!("migrations/V3__last_ip.sql")),
    ("V4__journal_place", include_str!("migrations/V4__journal_place.sql")),
];

/// What to do with a database of an older version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Migrate {
    /// Bring it to this program's.
    Yes,
    /// Refuse it: nothing may be written.
    No,
}

impl From<bool> for Migrate {
    fn from(migrate: bool) -> Self {
        if migrate { Self::Yes } else { Self::No }
    }
}

/// Why a database cannot be used.
enum Refusal {
    /// It will not be otherwise.
    Final(String),
    /// Another process may be migrating it at this moment.
    Perhaps(String),
}

/// Brings the database to this program's version, all or nothing. Of several
/// processes that start on an empty database, all but one come too late the
/// first time; they are given three seconds.
///
/// # Errors
///
/// Why it cannot be, in words.
pub(super) fn migrate<C: refinery::Migrate>(connection: &mut C, migrate: Migrate) -> Result<(), String> {
    let patience = ConstantBuilder::default().with_delay(Duration::from_millis(200)).with_max_times(15);
    let migrated = (|| migrate_once(connection, migrate))
        .retry(patience)
        .when(|refusal| matches!(refusal, Refusal::Perhaps(_)))
        .call();
    migrated.map_err(|(Refusal::Final(why) | Refusal::Perhaps(why))| why)
}

fn migrate_once<C: refinery::Migrate>(connection: &mut C, migrate: Migrate) -> Result<(), Refusal> {
    let versions: Result<Vec<_>, _> =
        VERSIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect();
    let versions = versions.map_err(|error| Refusal::Final(error.to_string()))?;
    let runner = Runner::new(&versions).set_grouped(true);
    if migrate == Migrate::No {
        let last = runner.get_last_applied_migration(connection);
        let version = last.ok().flatten().map_or(0, |last| last.version());
        return match usize::try_from(version) {
            Ok(version) if version < VERSIONS.len() => Err(Refusal::Final(format!(
                "its schema is of version {version}, this program's of {}; any command that writes brings it up to date",
                VERSIONS.len()
            ))),
            Ok(version) if version > VERSIONS.len() => Err(Refusal::Final(newer(version))),
            _ => Ok(()),
        };
    }
    let Err(error) = runner.run(connection) else { return Ok(()) };
    Err(match error.kind() {
        Kind::MissingVersion(unknown) => Refusal::Final(newer(unknown.version())),
        Kind::DivergentVersion(_, known) => Refusal::Final(format!(
            "version {} of its schema is another one than this program's",
            known.version()
        )),
        _ => Refusal::Perhaps(with_cause(&error)),
    })
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
