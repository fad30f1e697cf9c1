//! Directories in a database: SQLite and PostgreSQL.
//!
//! One schema, one set of statements; what differs is how a transaction is run.

mod connection;
mod credential_rows;
mod entry_row;
mod group_commit;
mod login_counts;
mod migrations;
mod postgres;
mod rows;
mod seal;
mod sqlite;
mod whole_rows;

use std::path::Path;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};

use super::open::OpenError;
use super::records::{Done, Durability, Interrupted, Logins, Records, Store};
use crate::login::ApiError;
use migrations::Migrate;
use seal::Seal;

pub use seal::{KeyError, SealKey};

/// A directory in a database.
pub struct SqlDirectory(Engine);

enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl SqlDirectory {
    /// Opens an SQLite file. With `create`, makes it if it is not there.
    /// Without `migrate`, refuses one of an older version.
    ///
    /// # Errors
    ///
    /// When it cannot be used, with what to do.
    pub fn sqlite(file: &Path, key: Option<SealKey>, create: bool, migrate: bool) -> Result<Self, OpenError> {
        let open = sqlite::Sqlite::open(file, Seal(key), create, Migrate::from(migrate))?;
        Ok(Self(Engine::Sqlite(open)))
    }

    /// Connects to a PostgreSQL server, or to one that speaks its protocol.
    /// Without `migrate`, refuses a database of an older version.
    ///
    /// # Errors
    ///
    /// When it cannot be used, with what to do.
    pub fn postgres(url: &str, key: Option<SealKey>, migrate: bool) -> Result<Self, OpenError> {
        let open = postgres::Postgres::connect(url, Seal(key), Migrate::from(migrate))?;
        Ok(Self(Engine::Postgres(open)))
    }
}

impl Store for SqlDirectory {
    fn read<T>(&self, mut what: impl FnMut(&mut dyn Records) -> Done<T>) -> Result<T, ApiError> {
        again_and_again(|| match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.read(&mut what),
            Engine::Postgres(postgres) => postgres.read(&mut what),
        })
    }

    fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Result<T, ApiError> {
        // Once it has begun it is not run again: what it read is handed out.
        let mut what = Some(what);
        again_and_again(|| {
            let once = |records: &mut dyn Records| match what.take() {
                Some(what) => what(records).map_err(|interrupted| match interrupted {
                    Interrupted::Again(why) => ApiError::Unavailable(why).into(),
                    answer => answer,
                }),
                None => Err(ApiError::Unavailable("the reading was interrupted".to_owned()).into()),
            };
            match &self.0 {
                Engine::Sqlite(sqlite) => sqlite.snapshot(once),
                Engine::Postgres(postgres) => postgres.snapshot(once),
            }
        })
    }

    fn write<T>(
        &self,
        durability: Durability,
        mut what: impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Result<T, ApiError> {
        again_and_again(|| match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.write(durability, &mut what),
            Engine::Postgres(postgres) => postgres.write(durability, &mut what),
        })
    }

    fn count_login(&self, user_id: &str, login: Logins) -> Result<(), ApiError> {
        let counted = match &self.0 {
            Engine::Sqlite(sqlite) => again_and_again(|| sqlite.count_login(user_id, login))?,
            Engine::Postgres(_) => {
                self.write(Durability::Process, |records| records.count_logins(user_id, login))?
            }
        };
        if counted { Ok(()) } else { Err(ApiError::NotFound(user_id.to_owned())) }
    }
}

/// Runs a transaction again when others were in the way: 10 times, over some
/// two seconds.
fn again_and_again<T>(transaction: impl FnMut() -> Done<T>) -> Result<T, ApiError> {
    let patience = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(1))
        .with_max_delay(Duration::from_millis(500))
        .with_max_times(10);
    let is_again = |interrupted: &Interrupted| matches!(interrupted, Interrupted::Again(_));
    transaction.retry(patience).when(is_again).call().map_err(|interrupted| match interrupted {
        Interrupted::Answer(error) => error,
        Interrupted::Again(what) => {
            ApiError::Unavailable(format!("{what}; the directory is too busy, try again later"))
        }
    })
}
