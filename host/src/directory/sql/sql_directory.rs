//! A directory in a database.

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};

use super::migrations::Migrate;
#[cfg(feature = "postgres")]
use super::postgres::{self, Write};
use super::seal::Seal;
#[cfg(feature = "sqlite")]
use super::sqlite;
use crate::ambient::Ambient;
use crate::directory::backfill_store::BackfillStore;
use crate::directory::open_error::OpenError;
use crate::directory::open_mode::OpenMode;
use crate::directory::records::{LoginTally, Records, TxError, TxResult};
use crate::directory::seal_key::SealKey;
use crate::directory::state::{DirectoryState, ErrorCounts};
use crate::directory::store::{Durability, Store};
use crate::model::ApiError;

/// A directory in a database.
pub struct SqlDirectory {
    engine: Engine,
    errors: ErrorCounts,
    ambient: Ambient,
}

enum Engine {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Postgres),
}

#[cfg(feature = "sqlite")]
impl SqlDirectory {
    /// Opens an SQLite file. A file of an older version is migrated if the mode writes, and refused
    /// otherwise.
    ///
    /// # Errors
    ///
    /// If the directory cannot be used. The message contains advice.
    pub fn sqlite(
        file: &Path,
        key: Option<SealKey>,
        mode: OpenMode,
        ambient: &Ambient,
    ) -> Result<Self, OpenError> {
        let seal = Seal { key, ambient: ambient.clone() };
        Self::open_sqlite(file, seal, mode == OpenMode::Create, Migrate::from(mode.can_write()))
    }

    /// Opens an SQLite file.
    pub(in crate::directory) fn open_sqlite(
        file: &Path,
        seal: Seal,
        create: bool,
        migrate: Migrate<'_>,
    ) -> Result<Self, OpenError> {
        let ambient = seal.ambient.clone();
        let open = sqlite::Sqlite::open(file, seal, create, migrate)?;
        Ok(Self { engine: Engine::Sqlite(open), errors: ErrorCounts::default(), ambient })
    }
}

#[cfg(feature = "postgres")]
impl SqlDirectory {
    /// Connects to a PostgreSQL server, or to another server with its protocol. libpq's environment
    /// variables complete the URL. A database of an older version is migrated if the mode writes,
    /// and refused otherwise.
    ///
    /// # Errors
    ///
    /// If the directory cannot be used. The message contains advice.
    pub fn postgres(
        url: &str,
        key: Option<SealKey>,
        mode: OpenMode,
        ambient: &Ambient,
    ) -> Result<Self, OpenError> {
        let seal = Seal { key, ambient: ambient.clone() };
        Self::open_postgres(url, seal, Migrate::from(mode.can_write()))
    }

    /// Connects to a PostgreSQL server.
    pub(in crate::directory) fn open_postgres(
        url: &str,
        seal: Seal,
        migrate: Migrate<'_>,
    ) -> Result<Self, OpenError> {
        let ambient = seal.ambient.clone();
        let open = postgres::Postgres::connect(url, seal, migrate)?;
        Ok(Self { engine: Engine::Postgres(open), errors: ErrorCounts::default(), ambient })
    }
}

impl Store for SqlDirectory {
    fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    fn read<T>(&self, mut work: impl FnMut(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError> {
        self.finish(match &self.engine {
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(sqlite) => self.retry(|| sqlite.read(&mut work)),
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => self.retry(|| postgres.read(&mut work)),
        })
    }

    fn backfill_store(&self) -> Option<&dyn BackfillStore> {
        Some(self)
    }

    fn snapshot<T>(&self, work: impl FnOnce(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError> {
        // A read is not repeated once it has begun, because its records are already handed out.
        let mut work = Some(work);
        self.finish(self.retry(|| {
            let once = |records: &mut dyn Records| match work.take() {
                Some(work) => work(records).map_err(|interrupted| match interrupted {
                    TxError::Conflict(why) => ApiError::Unavailable(why).into(),
                    answer => answer,
                }),
                None => Err(ApiError::Unavailable("the reading was interrupted".to_owned()).into()),
            };
            match &self.engine {
                #[cfg(feature = "sqlite")]
                Engine::Sqlite(sqlite) => sqlite.snapshot(once),
                #[cfg(feature = "postgres")]
                Engine::Postgres(postgres) => postgres.snapshot(once),
            }
        }))
    }

    fn write<T>(
        &self,
        durability: Durability,
        mut work: impl FnMut(&mut dyn Records) -> TxResult<T>,
    ) -> Result<T, ApiError> {
        self.finish(match &self.engine {
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(sqlite) => self.retry(|| sqlite.write(durability, &mut work)),
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => {
                let mut write = Write::new(postgres, durability, &mut work);
                let done = self.retry(|| write.run());
                write.resolve(done)
            }
        })
    }

    fn state(&self) -> DirectoryState {
        self.errors.with_pool(match &self.engine {
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(sqlite) => sqlite.pool_state(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(postgres) => postgres.pool_state(),
        })
    }

    fn count_login(&self, user_id: &str, login: &LoginTally) -> Result<(), ApiError> {
        let counted = match &self.engine {
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(sqlite) => self.finish(self.retry(|| sqlite.count_login(user_id, login)))?,
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => {
                self.write(Durability::Process, |records| records.count_logins(user_id, login))?
            }
        };
        if counted { Ok(()) } else { Err(ApiError::NotFound(user_id.to_owned())) }
    }
}

impl SqlDirectory {
    /// Runs a transaction, and repeats it for five seconds after conflicts or closed connections.
    fn retry<T>(&self, transaction: impl FnMut() -> TxResult<T>) -> TxResult<T> {
        let started = self.ambient.monotonic();
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(1))
            .with_max_delay(Duration::from_millis(500))
            .without_max_times();
        let may_retry = |interrupted: &TxError| {
            matches!(interrupted, TxError::Conflict(_)) && self.ambient.elapsed(started) < PATIENCE
        };
        transaction.retry(pauses).when(may_retry).notify(|_, _| self.errors.count_repeat()).call()
    }

    /// Converts the result of a transaction, and counts its error.
    fn finish<T>(&self, done: TxResult<T>) -> Result<T, ApiError> {
        done.map_err(|interrupted| {
            let error = match interrupted {
                TxError::Failed(error) => error,
                TxError::Conflict(why) => ApiError::Unavailable(format!("{why}; try again later")),
            };
            self.errors.count(&error);
            error
        })
    }
}

/// The time for which a transaction is repeated after conflicts or closed connections.
const PATIENCE: Duration = Duration::from_secs(5);
