//! Directories in a database: SQLite and PostgreSQL.
//!
//! One schema, one set of statements; what differs is how a transaction is run.

mod backup;
mod connection;
mod credential_rows;
mod entry_row;
mod group_commit;
mod identity_rows;
mod in_place;
mod login_counts;
mod migrations;
mod postgres;
mod rows;
mod seal;
mod sqlite;
mod sqlite_file;
mod whole_rows;
mod written;

use std::path::Path;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};

use super::open::{Open, OpenError};
use super::records::{Done, Durability, Interrupted, Logins, Records, Store};
use super::state::{DirectoryState, ErrorCounts};
use crate::ambient::Ambient;
use crate::model::ApiError;
pub(super) use migrations::Migrate;
use postgres::Write;
pub(super) use seal::Seal;

pub use seal::{KeyError, SealKey};

/// A directory in a database.
pub struct SqlDirectory {
    engine: Engine,
    errors: ErrorCounts,
    ambient: Ambient,
}

enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl SqlDirectory {
    /// Opens an SQLite file. One of an older version is migrated, unless it is opened
    /// to be read; then it is refused.
    ///
    /// # Errors
    ///
    /// When it cannot be used, with what to do.
    pub fn sqlite(
        file: &Path,
        key: Option<SealKey>,
        how: Open,
        ambient: &Ambient,
    ) -> Result<Self, OpenError> {
        let seal = Seal { key, ambient: ambient.clone() };
        Self::open_sqlite(file, seal, how == Open::Create, Migrate::from(how.writes()))
    }

    pub(super) fn open_sqlite(
        file: &Path,
        seal: Seal,
        create: bool,
        migrate: Migrate<'_>,
    ) -> Result<Self, OpenError> {
        let ambient = seal.ambient.clone();
        let open = sqlite::Sqlite::open(file, seal, create, migrate)?;
        Ok(Self { engine: Engine::Sqlite(open), errors: ErrorCounts::default(), ambient })
    }

    /// Connects to a PostgreSQL server, or to one that speaks its protocol.
    /// libpq's environment variables say what the URL leaves out. A database of an
    /// older version is migrated, unless it is opened to be read; then it is refused.
    ///
    /// # Errors
    ///
    /// When it cannot be used, with what to do.
    pub fn postgres(
        url: &str,
        key: Option<SealKey>,
        how: Open,
        ambient: &Ambient,
    ) -> Result<Self, OpenError> {
        let seal = Seal { key, ambient: ambient.clone() };
        Self::open_postgres(url, seal, Migrate::from(how.writes()))
    }

    pub(super) fn open_postgres(url: &str, seal: Seal, migrate: Migrate<'_>) -> Result<Self, OpenError> {
        let ambient = seal.ambient.clone();
        let open = postgres::Postgres::connect(url, seal, migrate)?;
        Ok(Self { engine: Engine::Postgres(open), errors: ErrorCounts::default(), ambient })
    }
}

impl Store for SqlDirectory {
    fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    fn read<T>(&self, mut what: impl FnMut(&mut dyn Records) -> Done<T>) -> Result<T, ApiError> {
        self.ended(match &self.engine {
            Engine::Sqlite(sqlite) => self.again_and_again(|| sqlite.read(&mut what)),
            Engine::Postgres(postgres) => self.again_and_again(|| postgres.read(&mut what)),
        })
    }

    fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Result<T, ApiError> {
        // Once it has begun it is not run again: what it read is handed out.
        let mut what = Some(what);
        self.ended(self.again_and_again(|| {
            let once = |records: &mut dyn Records| match what.take() {
                Some(what) => what(records).map_err(|interrupted| match interrupted {
                    Interrupted::Again(why) => ApiError::Unavailable(why).into(),
                    answer => answer,
                }),
                None => Err(ApiError::Unavailable("the reading was interrupted".to_owned()).into()),
            };
            match &self.engine {
                Engine::Sqlite(sqlite) => sqlite.snapshot(once),
                Engine::Postgres(postgres) => postgres.snapshot(once),
            }
        }))
    }

    fn write<T>(
        &self,
        durability: Durability,
        mut what: impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Result<T, ApiError> {
        self.ended(match &self.engine {
            Engine::Sqlite(sqlite) => self.again_and_again(|| sqlite.write(durability, &mut what)),
            Engine::Postgres(postgres) => {
                let mut write = Write::of(postgres, durability, &mut what);
                let done = self.again_and_again(|| write.run());
                write.end(done)
            }
        })
    }

    fn state(&self) -> DirectoryState {
        self.errors.with_pool(match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.pool_state(),
            Engine::Postgres(postgres) => postgres.pool_state(),
        })
    }

    fn count_login(&self, user_id: &str, login: Logins) -> Result<(), ApiError> {
        let counted = match &self.engine {
            Engine::Sqlite(sqlite) => {
                self.ended(self.again_and_again(|| sqlite.count_login(user_id, login)))?
            }
            Engine::Postgres(_) => {
                self.write(Durability::Process, |records| records.count_logins(user_id, login))?
            }
        };
        if counted { Ok(()) } else { Err(ApiError::NotFound(user_id.to_owned())) }
    }
}

impl SqlDirectory {
    /// Runs a transaction again when others were in the way or the server ended
    /// the connection, for five seconds.
    fn again_and_again<T>(&self, transaction: impl FnMut() -> Done<T>) -> Done<T> {
        let begin = self.ambient.monotonic();
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(1))
            .with_max_delay(Duration::from_millis(500))
            .without_max_times();
        let is_again = |interrupted: &Interrupted| {
            matches!(interrupted, Interrupted::Again(_)) && self.ambient.elapsed(begin) < PATIENCE
        };
        transaction.retry(pauses).when(is_again).notify(|_, _| self.errors.repeat()).call()
    }

    /// The answer of a transaction.
    fn ended<T>(&self, done: Done<T>) -> Result<T, ApiError> {
        done.map_err(|interrupted| {
            let error = match interrupted {
                Interrupted::Answer(error) => error,
                Interrupted::Again(what) => ApiError::Unavailable(format!("{what}; try again later")),
            };
            self.errors.count(&error);
            error
        })
    }
}

/// How long a transaction is begun anew when others were in the way, or when the
/// server ended the connection.
const PATIENCE: Duration = Duration::from_secs(5);
