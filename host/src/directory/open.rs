//! Opening a directory.

use std::sync::Arc;

use super::dry_run::DryRun;
use super::location::Location;
use super::open_error::OpenError;
use super::open_mode::OpenMode;
use super::operations::Administration;
use super::sql::{Migrate, Seal, SealKey, SqlDirectory};
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
    let mode = options.mode;
    let directory = open_database(location, options)?;
    Ok(match mode {
        OpenMode::DryRun => Arc::new(DryRun::new(directory)),
        OpenMode::Create | OpenMode::Existing | OpenMode::ReadOnly => Arc::new(directory),
    })
}

/// Opens a directory that is a database. A dry run is opened like a read-only one.
///
/// # Errors
///
/// If the directory cannot be used, with advice.
pub fn open_database(location: &Location, options: OpenOptions<'_>) -> Result<SqlDirectory, OpenError> {
    let OpenOptions { key, mode, ambient, tell } = options;
    let migrate = if mode.writes() { Migrate::Yes(tell) } else { Migrate::No };
    let seal = Seal { key, ambient: ambient.clone() };
    match location {
        Location::Sqlite(file) => SqlDirectory::open_sqlite(file, seal, mode == OpenMode::Create, migrate),
        Location::Postgres(url) => SqlDirectory::open_postgres(url, seal, migrate),
    }
}
