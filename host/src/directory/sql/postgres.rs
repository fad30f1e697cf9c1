//! A directory in PostgreSQL, or in another database with its protocol.

mod address;
mod passfile;
mod session;
mod url;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::journal_rows::advance_past_entries;
use super::lost_commit::{CommitProof, CommitResult, commit_unknown};
use super::migrations::{Migrate, migrate};
use super::rows::Rows;
use super::seal::Seal;
use crate::directory::open_error::OpenError;
use crate::directory::records::{Records, TxError, TxResult};
use crate::directory::state::PoolState;
use crate::directory::store::Durability;
use crate::model::ApiError;
use address::Address;
use session::{Server, describe, is_unreachable};

/// The message of the pool's last connection error.
#[derive(Debug, Clone, Default)]
struct LastError(Arc<Mutex<String>>);

impl r2d2::HandleError<postgres::Error> for LastError {
    fn handle_error(&self, error: postgres::Error) {
        *self.0.lock() = describe(&error);
    }
}

/// The maximum number of connections of one process.
const CONNECTIONS: u32 = 16;
/// The time limit for a transaction to get a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// A directory in PostgreSQL.
pub(super) struct Postgres {
    /// The connections. `None` while the directory is being dropped.
    pool: Option<r2d2::Pool<Server>>,
    last_error: LastError,
    seal: Seal,
}

impl Postgres {
    /// Connects to a server.
    pub(super) fn connect(url: &str, seal: Seal, mode: Migrate<'_>) -> Result<Self, OpenError> {
        let address = Address::new(url, mode.is_no(), &|name| std::env::var(name).ok())?;
        let server = Server::new(address, mode.is_no(), &seal.ambient);
        let place = server.address.place.clone();
        let unusable = |why: String| OpenError::Unusable { place: place.clone(), why };
        let mut first = server.session().map_err(|error| {
            if is_unreachable(&error) {
                return OpenError::Unreachable { place: place.clone(), why: describe(&error) };
            }
            unusable(describe(&error))
        })?;
        migrate(&mut first.client, mode).map_err(|why| why.with_place(&place))?;
        advance_past_entries(&mut first, &seal.ambient).map_err(unusable)?;
        let last_error = LastError::default();
        let pool = r2d2::Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(0))
            // Checks only connections that may be closed: see `is_valid`.
            .test_on_check_out(true)
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(last_error.clone()))
            .build(server)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { pool: Some(pool), last_error, seal })
    }

    /// Returns the state of the connections.
    pub(super) fn pool_state(&self) -> PoolState {
        let state = self.pool.as_ref().map(r2d2::Pool::state);
        let (open, idle) = state.map_or((0, 0), |state| (state.connections, state.idle_connections));
        PoolState { open, idle, limit: CONNECTIONS }
    }

    /// Runs a transaction that only reads.
    pub(super) fn read<T>(&self, work: &mut impl FnMut(&mut dyn Records) -> TxResult<T>) -> TxResult<T> {
        let mut session = self.session()?;
        work(&mut Rows::new(&mut *session, &self.seal))
    }

    /// Runs a read on a consistent snapshot, without blocking writers.
    pub(super) fn snapshot<T>(&self, work: impl FnOnce(&mut dyn Records) -> TxResult<T>) -> TxResult<T> {
        let mut session = self.session()?;
        // Keeps the pool from reusing the connection before the transaction has ended.
        session.in_transaction = true;
        // The consumer of an export may be slow.
        session.statement(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0",
        )?;
        let done = work(&mut Rows::new(&mut *session, &self.seal));
        session.in_transaction = session.statement("ROLLBACK").is_err();
        done
    }

    /// Runs a transaction once. If the connection closes during the commit, returns a
    /// record that proves it.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        work: &mut impl FnMut(&mut dyn Records) -> TxResult<T>,
    ) -> TxResult<CommitResult<T>> {
        let mut session = self.session()?;
        // Keeps the pool from reusing the connection before the transaction has ended.
        session.in_transaction = true;
        session.statement(match durability {
            Durability::Power => "BEGIN",
            // A count must not wait long, because others need the connection.
            Durability::Process => {
                "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '50ms'"
            }
        })?;
        let mut rows = Rows::new(&mut *session, &self.seal);
        let done = work(&mut rows);
        let proof = rows.proof.take();
        match done {
            Ok(done) => match session.client.batch_execute("COMMIT") {
                Ok(()) => {
                    session.in_transaction = false;
                    Ok(CommitResult::Committed(done))
                }
                Err(error) if session.client.is_closed() || is_unreachable(&error) => {
                    session.note_server_end();
                    // A lost count of logins is not worth repeating the transaction.
                    if durability == Durability::Process {
                        return Ok(CommitResult::Committed(done));
                    }
                    Ok(CommitResult::Unanswered(done, proof))
                }
                Err(error) => Err(session.transaction_error(&error)),
            },
            Err(interrupted) => {
                // If this fails too, the pool discards the connection, which ends the
                // transaction.
                session.in_transaction = session.statement("ROLLBACK").is_err();
                Err(interrupted)
            }
        }
    }

    /// Returns whether a transaction was committed, by looking up its proof. Fails if this
    /// cannot be known.
    fn was_committed(&self, proof: &CommitProof) -> TxResult<bool> {
        let (ambient, started) = (&self.seal.ambient, self.seal.ambient.monotonic());
        loop {
            match self.read(&mut |records| proof.exists_in(records)) {
                Ok(Some(was_committed)) => return Ok(was_committed),
                Err(_) if ambient.elapsed(started) < LOOKUP_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(100))
                }
                Ok(None) | Err(_) => return Err(commit_unknown().into()),
            }
        }
    }

    /// Takes a connection from the pool.
    fn session(&self) -> TxResult<r2d2::PooledConnection<Server>> {
        let Some(pool) = &self.pool else {
            return Err(ApiError::Unavailable("the directory was closed".to_owned()).into());
        };
        pool.get().map_err(|_| {
            let last = self.last_error.0.lock();
            let why = if last.is_empty() { String::new() } else { format!(": {last}") };
            let why = format!("no connection to the database server within {} s{why}", PATIENCE.as_secs());
            ApiError::Unavailable(why).into()
        })
    }
}

impl Drop for Postgres {
    /// Closes the connections on a separate thread. Each has a tokio runtime, which must not
    /// be dropped inside of another one, such as the tenant's.
    fn drop(&mut self) {
        let pool = self.pool.take();
        let closing = std::thread::Builder::new().name("closing connections".to_owned());
        if let Ok(closing) = closing.spawn(move || drop(pool)) {
            let _ = closing.join();
        }
    }
}

/// The time for which a commit whose response was lost is looked up: the duration of a failover.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(15);

/// A transaction that is repeated until it is committed. After a lost response, the commit is
/// looked up before the transaction is repeated.
pub(super) struct Write<'a, T, F> {
    postgres: &'a Postgres,
    durability: Durability,
    work: F,
    /// The result and the proof of a commit that was not found. It may still appear, if the server
    /// had not finished it.
    unanswered: Option<(T, CommitProof)>,
}

impl<'a, T, F: FnMut(&mut dyn Records) -> TxResult<T>> Write<'a, T, F> {
    /// Creates a write that has not run yet.
    pub(super) fn new(postgres: &'a Postgres, durability: Durability, work: F) -> Self {
        Self { postgres, durability, work, unanswered: None }
    }

    /// Runs the transaction once.
    pub(super) fn run(&mut self) -> TxResult<T> {
        match self.postgres.write(self.durability, &mut self.work)? {
            CommitResult::Committed(done) => Ok(done),
            CommitResult::Unanswered(_, None) => Err(commit_lost()),
            CommitResult::Unanswered(done, Some(proof)) => {
                if self.postgres.was_committed(&proof)? {
                    return Ok(done);
                }
                self.unanswered = Some((done, proof));
                Err(commit_lost())
            }
        }
    }

    /// Returns the final result. If the last run failed, the previous commit may have succeeded
    /// after all.
    pub(super) fn resolve(self, done: TxResult<T>) -> TxResult<T> {
        match (done, self.unanswered) {
            (Err(_), Some((done, proof))) if self.postgres.was_committed(&proof)? => Ok(done),
            (done, _) => done,
        }
    }
}

/// Returns the conflict after a commit that was not found.
fn commit_lost() -> TxError {
    TxError::Conflict("the connection to the database ended at a commit, and nothing was changed".to_owned())
}
