//! Group commit: several transactions of one process share one durable commit.
//!
//! SQLite has one writer at a time, and a durable commit waits for the disk. While one thread holds
//! the connection, others queue. A thread with others behind it leaves its work in the open
//! transaction, as a savepoint, and the last thread commits for all. No thread returns before the
//! commit.
//!
//! A transaction waits for a limited time, counted from joining the queue. This covers the wait for
//! earlier transactions and for the lock of another process.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::open_files::OpenFiles;
use super::sqlite_error::{busy, sqlite_error};
use crate::ambient::Ambient;
use crate::directory::records::{TxError, TxResult};
use crate::directory::store::Durability;
use crate::model::ApiError;

/// The maximum number of transactions that share a commit, which bounds the wait of the first.
const TOGETHER: usize = 128;
/// The interval at which a waiting thread checks whether another one will commit.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// The connection that writes, with its queue.
pub(super) struct GroupCommit {
    writer: Mutex<Writer>,
    /// The number of threads that are waiting for the connection.
    queued: AtomicUsize,
    patience: Duration,
    ambient: Ambient,
}

struct Writer {
    connection: Connection,
    files: Arc<OpenFiles>,
    durability: Option<Durability>,
    open: Option<SharedTransaction>,
}

/// The open transaction that several jobs share.
struct SharedTransaction {
    durability: Durability,
    jobs: usize,
    outcome: Arc<SharedOutcome>,
}

/// The outcome of a shared transaction.
#[derive(Default)]
struct SharedOutcome {
    committed: Mutex<Option<Result<(), ApiError>>>,
    known: Condvar,
}

impl SharedOutcome {
    /// Sets the outcome, and wakes the waiting threads.
    fn set(&self, committed: Result<(), ApiError>) {
        *self.committed.lock() = Some(committed);
        self.known.notify_all();
    }

    /// Waits for the outcome. Returns `None` after `time`.
    fn wait(&self, time: Duration) -> Option<Result<(), ApiError>> {
        let mut committed = self.committed.lock();
        self.known.wait_while_for(&mut committed, |it| it.is_none(), time);
        committed.clone()
    }
}

impl GroupCommit {
    /// Creates the queue. A transaction waits for at most `patience` until it begins.
    pub(super) fn new(
        connection: Connection,
        files: Arc<OpenFiles>,
        patience: Duration,
        ambient: &Ambient,
    ) -> Self {
        let writer = Writer { connection, files, durability: None, open: None };
        Self { writer: Mutex::new(writer), queued: AtomicUsize::new(0), patience, ambient: ambient.clone() }
    }

    /// Writes the log back into the database file, as far as no reader needs it.
    pub(super) fn write_log_back(&self) {
        let Some(writer) = self.writer.try_lock_for(self.patience) else { return };
        if writer.files.check().is_ok() {
            let done = writer.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = done {
                tracing::debug!(%error, "the log was not written back");
            }
        }
    }

    /// Runs a job in a transaction, and returns once it is as durable as requested.
    pub(super) fn run<T>(
        &self,
        durability: Durability,
        job: impl FnOnce(&mut Connection) -> TxResult<T>,
    ) -> TxResult<T> {
        let start = self.ambient.monotonic();
        self.queued.fetch_add(1, Ordering::SeqCst);
        let taken = self.writer.try_lock_for(self.patience);
        self.queued.fetch_sub(1, Ordering::SeqCst);
        let Some(mut writer) = taken else { return Err(busy()) };

        let left = self.patience.saturating_sub(self.ambient.elapsed(start));
        let result = writer.join(durability, left, job);
        let Some(open) = &writer.open else { return result };
        if self.queued.load(Ordering::SeqCst) > 0 && open.jobs < TOGETHER {
            let outcome = open.outcome.clone();
            drop(writer);
            // A failed job waits too: its result may depend on the work of others, which does not
            // exist before the commit.
            self.wait_for(&outcome).map_err(TxError::from)?;
            return result;
        }
        let committed = writer.commit();
        drop(writer);
        committed.map_err(TxError::from)?;
        result
    }

    /// Waits for the commit of a shared transaction. Commits it here if the thread that was to do
    /// so has given up.
    fn wait_for(&self, outcome: &Arc<SharedOutcome>) -> Result<(), ApiError> {
        loop {
            if let Some(committed) = outcome.wait(CHECK_INTERVAL) {
                return committed;
            }
            if let Some(mut writer) = self.writer.try_lock()
                && writer.open.as_ref().is_some_and(|open| Arc::ptr_eq(&open.outcome, outcome))
            {
                let _ = writer.commit();
            }
        }
    }
}

impl Writer {
    /// Runs a job in the open transaction, or in a new one. If the job fails, the work of
    /// the others stays.
    fn join<T>(
        &mut self,
        durability: Durability,
        patience: Duration,
        job: impl FnOnce(&mut Connection) -> TxResult<T>,
    ) -> TxResult<T> {
        // A durable job must not share a transaction that is not durable.
        if self.open.as_ref().is_some_and(|open| open.durability == Durability::Process)
            && durability == Durability::Power
        {
            let _ = self.commit();
        }
        if self.open.is_none() {
            self.begin(durability, patience)?;
            let result = self.run(job);
            match (&result, self.open.as_mut()) {
                (Ok(_), Some(open)) => open.jobs = 1,
                (Err(_), _) | (_, None) => self.abort(ApiError::TimedOut),
            }
            return result;
        }
        self.statement("SAVEPOINT job")?;
        let result = self.run(job);
        // SQLite rolls the whole transaction back if the disk is full.
        if self.connection.is_autocommit() {
            let error = match &result {
                Err(TxError::Failed(error)) => error.clone(),
                _ => ApiError::Unavailable("the database took the transaction back".to_owned()),
            };
            self.abort(error.clone());
            return Err(error.into());
        }
        let undone = if result.is_err() { self.statement("ROLLBACK TO job") } else { Ok(()) };
        if let Err(sqlite_error) = undone.and_then(|()| self.statement("RELEASE job")) {
            // Part of the job's work may be left, so nothing is committed.
            self.abort(ApiError::Unavailable("another transaction failed in the middle".to_owned()));
            return Err(sqlite_error);
        }
        if let Some(open) = &mut self.open {
            open.jobs += 1;
        }
        result
    }

    /// Runs a job. If it panics, the shared transaction is rolled back, and the other jobs
    /// get an error.
    fn run<T>(&mut self, job: impl FnOnce(&mut Connection) -> TxResult<T>) -> TxResult<T> {
        let connection = &mut self.connection;
        catch_unwind(AssertUnwindSafe(|| job(connection))).unwrap_or_else(|panic| {
            self.abort(ApiError::Unavailable("another transaction failed in the middle".to_owned()));
            resume_unwind(panic)
        })
    }

    /// Begins a transaction. Waits at most `patience` for other processes.
    fn begin(&mut self, durability: Durability, patience: Duration) -> TxResult<()> {
        if self.durability != Some(durability) {
            // In WAL mode: FULL waits for the disk at every commit, NORMAL only
            // at checkpoints.
            let synchronous = match durability {
                Durability::Power => "PRAGMA synchronous = FULL",
                Durability::Process => "PRAGMA synchronous = NORMAL",
            };
            self.connection.execute_batch(synchronous).map_err(sqlite_error)?;
            self.durability = Some(durability);
        }
        self.connection.busy_timeout(patience).map_err(sqlite_error)?;
        self.statement("BEGIN IMMEDIATE")?;
        if let Err(why) = self.files.check() {
            self.roll_back();
            return Err(refuse_moved_files(why));
        }
        self.open = Some(SharedTransaction { durability, jobs: 0, outcome: Arc::default() });
        Ok(())
    }

    /// Commits the shared transaction.
    fn commit(&mut self) -> Result<(), ApiError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let committed = self.statement("COMMIT").map_err(|interrupted| match interrupted {
            TxError::Failed(error) => error,
            TxError::Conflict(why) => ApiError::Unavailable(why),
        });
        if committed.is_err() {
            self.roll_back();
        }
        // A commit into a file that was deleted in the meantime is lost.
        let in_place = |()| {
            let lost = |why| format!("{why}; whether the change was made is not known");
            self.files.check().map_err(|why| ApiError::Unavailable(lost(why)))
        };
        let committed = committed.and_then(in_place);
        open.outcome.set(committed.clone());
        committed
    }

    /// Rolls the shared transaction back, and reports this error to its jobs.
    fn abort(&mut self, error: ApiError) {
        self.roll_back();
        if let Some(open) = self.open.take() {
            open.outcome.set(Err(error));
        }
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            let _ = self.statement("ROLLBACK");
        }
    }

    fn statement(&mut self, sql: &'static str) -> TxResult<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(sqlite_error)?;
        statement.execute([]).map(drop).map_err(sqlite_error)
    }
}

/// Returns the error for files that are no longer in place.
fn refuse_moved_files(why: String) -> TxError {
    ApiError::Unavailable(format!("nothing was changed: {why}")).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use rusqlite::Connection;

    use super::{GroupCommit, OpenFiles};
    use crate::ambient::Ambient;
    use crate::directory::sql::sqlite_error::sqlite_error;
    use crate::directory::sql::sqlite_file::FileAccess;
    use crate::directory::store::Durability;

    /// A thread that stops waiting may be the one that was to commit for others.
    #[test]
    fn whoever_gives_up_waiting_leaves_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let connection = Connection::open(&file).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER); BEGIN IMMEDIATE; COMMIT")
            .unwrap();
        let ambient = Ambient::system();
        let files = Arc::new(OpenFiles::new(&file, &connection, FileAccess::Write, &ambient).unwrap());
        let writer = GroupCommit::new(connection, files, Duration::from_micros(300), &ambient);
        let (done, given_up) = (AtomicI64::new(0), AtomicI64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut pauses = fastrand::Rng::with_seed(0);
                    for n in 0..100 {
                        let ran = writer.run(Durability::Process, |connection| {
                            std::thread::sleep(Duration::from_micros(pauses.u64(0..200)));
                            connection.execute("INSERT INTO t VALUES (?1)", [n]).map_err(sqlite_error)
                        });
                        let counter = if ran.is_ok() { &done } else { &given_up };
                        counter.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        let (done, given_up) = (done.into_inner(), given_up.into_inner());
        assert!(done > 0 && given_up > 0, "{done} done, {given_up} given up");
        let there: i64 = Connection::open(&file)
            .unwrap()
            .query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(there, done, "what was answered as done, and nothing else");
    }
}
