//! PostgreSQL, and the engines that speak its protocol.

mod address;
mod passfile;
mod session;
mod url;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::entry_row::go_on_behind;
use super::migrations::{Migrate, migrate};
use super::rows::Rows;
use super::seal::Seal;
use super::written::{Ended, Written, not_known};
use crate::directory::PoolState;
use crate::directory::open::OpenError;
use crate::directory::records::{Done, Durability, Interrupted, Records};
use crate::model::ApiError;
use address::Address;
use session::{Server, is_away, words};

/// The reason that the pool's last connection failed, in words.
#[derive(Debug, Clone, Default)]
struct LastError(Arc<Mutex<String>>);

impl r2d2::HandleError<postgres::Error> for LastError {
    fn handle_error(&self, error: postgres::Error) {
        *self.0.lock() = words(&error);
    }
}

/// Connections at a time, of one process.
const CONNECTIONS: u32 = 16;
/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Postgres {
    /// None once it is dropped.
    pool: Option<r2d2::Pool<Server>>,
    last_error: LastError,
    seal: Seal,
}

impl Postgres {
    pub(super) fn connect(url: &str, seal: Seal, mode: Migrate<'_>) -> Result<Self, OpenError> {
        let address = Address::new(url, mode.is_no(), &|name| std::env::var(name).ok())?;
        let server = Server::at(address, mode.is_no(), &seal.ambient);
        let place = server.address.place.clone();
        let unusable = |why: String| OpenError::Unusable { place: place.clone(), why };
        let mut first = server.session().map_err(|error| {
            if is_away(&error) {
                return OpenError::Away { place: place.clone(), why: words(&error) };
            }
            unusable(words(&error))
        })?;
        migrate(&mut first.client, mode).map_err(|why| why.at(&place))?;
        go_on_behind(&mut first, &seal.ambient).map_err(unusable)?;
        let last_error = LastError::default();
        let pool = r2d2::Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(0))
            // Asks only those that may have ended: see `is_valid`.
            .test_on_check_out(true)
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(last_error.clone()))
            .build(server)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { pool: Some(pool), last_error, seal })
    }

    pub(super) fn pool_state(&self) -> PoolState {
        let state = self.pool.as_ref().map(r2d2::Pool::state);
        let (open, idle) = state.map_or((0, 0), |state| (state.connections, state.idle_connections));
        PoolState { open, idle, limit: CONNECTIONS }
    }

    pub(super) fn read<T>(&self, what: &mut impl FnMut(&mut dyn Records) -> Done<T>) -> Done<T> {
        let mut session = self.session()?;
        what(&mut Rows::new(&mut *session, &self.seal))
    }

    /// Reads everything as it is at one moment, beside whoever writes.
    pub(super) fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Done<T> {
        let mut session = self.session()?;
        // Until it is over, the connection must not be another's.
        session.in_transaction = true;
        // The reader of the export may take its time.
        session.statement(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0",
        )?;
        let done = what(&mut Rows::new(&mut *session, &self.seal));
        session.in_transaction = session.statement("ROLLBACK").is_err();
        done
    }

    /// Runs a transaction once. Where the connection ends before it is known
    /// whether the transaction was committed, says what it wrote.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        what: &mut impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Done<Ended<T>> {
        let mut session = self.session()?;
        // Until it is over, the connection must not be another's.
        session.in_transaction = true;
        session.statement(match durability {
            Durability::Power => "BEGIN",
            // A count waits for nobody: the connection is worth more to others.
            Durability::Process => {
                "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '50ms'"
            }
        })?;
        let mut rows = Rows::new(&mut *session, &self.seal);
        let done = what(&mut rows);
        let written = rows.written.take();
        match done {
            Ok(done) => match session.client.batch_execute("COMMIT") {
                Ok(()) => {
                    session.in_transaction = false;
                    Ok(Ended::Committed(done))
                }
                Err(error) if session.client.is_closed() || is_away(&error) => {
                    session.server_ended();
                    // A count of logins is not worth a second one.
                    if durability == Durability::Process {
                        return Ok(Ended::Committed(done));
                    }
                    Ok(Ended::Unanswered(done, written))
                }
                Err(error) => Err(session.interrupted(&error)),
            },
            Err(interrupted) => {
                // If this fails too, the connection is thrown away, and the
                // transaction ends with it.
                session.in_transaction = session.statement("ROLLBACK").is_err();
                Err(interrupted)
            }
        }
    }

    /// Whether something that a transaction wrote is there. Where that cannot be
    /// told, says so.
    fn finds(&self, written: &Written) -> Done<bool> {
        let (ambient, begin) = (&self.seal.ambient, self.seal.ambient.monotonic());
        loop {
            match self.read(&mut |records| written.is_in(records)) {
                Ok(Some(is_there)) => return Ok(is_there),
                Err(_) if ambient.elapsed(begin) < LOOK => std::thread::sleep(Duration::from_millis(100)),
                Ok(None) | Err(_) => return Err(not_known().into()),
            }
        }
    }

    fn session(&self) -> Done<r2d2::PooledConnection<Server>> {
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
    /// Closes the connections on a thread of their own: each has a runtime,
    /// which does not end inside of another one, such as the tenant's.
    fn drop(&mut self) {
        let pool = self.pool.take();
        let closing = std::thread::Builder::new().name("closing connections".to_owned());
        if let Ok(closing) = closing.spawn(move || drop(pool)) {
            let _ = closing.join();
        }
    }
}

/// How long a commit whose answer was lost is looked for: as long as another
/// server takes to lead.
const LOOK: Duration = Duration::from_secs(15);

/// A transaction that is run until it is committed. A commit whose answer was lost
/// is looked for before it is run again.
pub(super) struct Write<'a, T, F> {
    postgres: &'a Postgres,
    durability: Durability,
    what: F,
    /// Done in a transaction that was not there when it was looked for. Where the
    /// server was still at it, it comes later.
    unanswered: Option<(T, Written)>,
}

impl<'a, T, F: FnMut(&mut dyn Records) -> Done<T>> Write<'a, T, F> {
    pub(super) fn of(postgres: &'a Postgres, durability: Durability, what: F) -> Self {
        Self { postgres, durability, what, unanswered: None }
    }

    /// Runs it once.
    pub(super) fn run(&mut self) -> Done<T> {
        match self.postgres.write(self.durability, &mut self.what)? {
            Ended::Committed(done) => Ok(done),
            Ended::Unanswered(_, None) => Err(lost()),
            Ended::Unanswered(done, Some(written)) => {
                if self.postgres.finds(&written)? {
                    return Ok(done);
                }
                self.unanswered = Some((done, written));
                Err(lost())
            }
        }
    }

    /// The end of the last run. One that failed may have come upon the work of
    /// the transaction before.
    pub(super) fn end(self, done: Done<T>) -> Done<T> {
        match (done, self.unanswered) {
            (Err(_), Some((done, written))) if self.postgres.finds(&written)? => Ok(done),
            (done, _) => done,
        }
    }
}

fn lost() -> Interrupted {
    Interrupted::Again("the connection to the database ended at a commit, and nothing was changed".to_owned())
}
