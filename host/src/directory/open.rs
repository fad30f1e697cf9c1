//! Opening a directory.

use std::sync::Arc;

#[cfg(feature = "_sql")]
use super::dry_run::DryRun;
use super::location::Location;
use super::open_error::OpenError;
use super::open_mode::OpenMode;
use super::operations::Administration;
use super::seal_key::SealKey;
#[cfg(feature = "_sql")]
use super::sql::{Migrate, Seal, SqlDirectory};
use crate::ambient::Ambient;

/// The options of opening a directory.
#[derive(Clone)]
pub struct OpenOptions<'a> {
    /// The key of the journal's snapshots, if they are encrypted.
    pub key: Option<SealKey>,
    /// The mode.
    pub mode: OpenMode,
    /// The clock and the source of randomness of the directory.
    pub ambient: &'a Ambient,
    /// Receives what the operator must know before a change of the schema.
    pub tell: &'a dyn Fn(&str),
}

/// Opens a directory.
///
/// # Errors
///
/// If the directory cannot be used, with advice.
pub fn open(location: &Location, options: OpenOptions<'_>) -> Result<Arc<dyn Administration>, OpenError> {
    #[cfg(feature = "_sql")]
    {
        let mode = options.mode;
        let directory = open_database(location, options)?;
        Ok(match mode {
            OpenMode::DryRun => Arc::new(DryRun::new(directory)),
            OpenMode::Create | OpenMode::Existing | OpenMode::ReadOnly => Arc::new(directory),
        })
    }
    #[cfg(not(feature = "_sql"))]
    {
        let _ = options;
        Err(refuse_missing_feature(location))
    }
}

/// Opens a directory that is a database. A dry run is opened like a read-only one.
///
/// # Errors
///
/// If the directory cannot be used, with advice.
#[cfg(feature = "_sql")]
pub fn open_database(location: &Location, options: OpenOptions<'_>) -> Result<SqlDirectory, OpenError> {
    let OpenOptions { key, mode, ambient, tell } = options;
    let migrate = if mode.can_write() { Migrate::Yes(tell) } else { Migrate::No };
    let seal = Seal { key, ambient: ambient.clone() };
    match location {
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => SqlDirectory::open_sqlite(file, seal, mode == OpenMode::Create, migrate),
        #[cfg(feature = "postgres")]
        Location::Postgres(url) => SqlDirectory::open_postgres(url, seal, migrate),
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        location => Err(refuse_missing_feature(location)),
    }
}

/// Returns the error for a location whose database this build does not support.
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn refuse_missing_feature(location: &Location) -> OpenError {
    match location {
        Location::Sqlite(_) => OpenError::NotBuiltIn { database: "SQLite", feature: "sqlite" },
        Location::Postgres(_) => OpenError::NotBuiltIn { database: "PostgreSQL", feature: "postgres" },
    }
}
