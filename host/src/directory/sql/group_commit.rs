//! Several transactions of one process, made durable together.
//!
//! SQLite has one writer at a time, and a durable commit waits for the disk.
//! While one thread holds the connection, others queue; each that finds others
//! behind it leaves its work in the open transaction, as a savepoint, and the
//! last one commits for all. Nobody is answered before the commit.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::sqlite::interrupted;
use crate::directory::records::{Done, Durability, Interrupted};
use crate::login::ApiError;

/// At most so many transactions are made durable together, so that the first
/// of them need not wait for ever.
const TOGETHER: usize = 128;

/// The one connection that writes.
pub(super) struct GroupCommit {
    writer: Mutex<Writer>,
    /// Threads that will take the connection next.
    queued: AtomicUsize,
}

struct Writer {
    connection: Connection,
    durability: Option<Durability>,
    open: Option<Open>,
}

/// A transaction that several share.
struct Open {
    durability: Durability,
    jobs: usize,
    fate: Arc<Fate>,
}

/// What became of a shared transaction.
#[derive(Default)]
struct Fate {
    committed: Mutex<Option<Result<(), ApiError>>>,
    known: Condvar,
}

impl Fate {
    fn tell(&self, committed: Result<(), ApiError>) {
        *self.committed.lock().unwrap_or_else(PoisonError::into_inner) = Some(committed);
        self.known.notify_all();
    }

    fn wait(&self) -> Result<(), ApiError> {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*committed {
                Some(committed) => return committed.clone(),
                None => committed = self.known.wait(committed).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl GroupCommit {
    pub(super) fn new(connection: Connection) -> Self {
        let writer = Writer { connection, durability: None, open: None };
        Self { writer: Mutex::new(writer), queued: AtomicUsize::new(0) }
    }

    /// Runs one transaction, and answers once it is as durable as asked.
    pub(super) fn run<T>(
        &self,
        durability: Durability,
        job: impl FnOnce(&mut Connection) -> Done<T>,
    ) -> Done<T> {
        self.queued.fetch_add(1, Ordering::SeqCst);
        let mut writer = self.lock();
        self.queued.fetch_sub(1, Ordering::SeqCst);

        let result = writer.join(durability, job);
        let Some(open) = &writer.open else { return result };
        if self.queued.load(Ordering::SeqCst) > 0 && open.jobs < TOGETHER {
            let fate = open.fate.clone();
            drop(writer);
            // Also a job that failed: what it has seen is others' work, and not
            // there before it is committed.
            fate.wait().map_err(Interrupted::from)?;
            return result;
        }
        let committed = writer.commit();
        drop(writer);
        committed.map_err(Interrupted::from)?;
        result
    }

    /// The connection. A thread that panicked while it had it has given its
    /// transaction up.
    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Runs a job in the open transaction, or in a new one. If the job fails,
    /// the others' work stays.
    fn join<T>(&mut self, durability: Durability, job: impl FnOnce(&mut Connection) -> Done<T>) -> Done<T> {
        // What need not be durable does not make room for what must be.
        if self.open.as_ref().is_some_and(|open| open.durability == Durability::Process)
            && durability == Durability::Power
        {
            let _ = self.commit();
        }
        if self.open.is_none() {
            self.begin(durability)?;
            let result = self.run(job);
            match (&result, self.open.as_mut()) {
                (Ok(_), Some(open)) => open.jobs = 1,
                (Err(_), _) | (_, None) => self.give_up(ApiError::TimedOut),
            }
            return result;
        }
        self.statement("SAVEPOINT job")?;
        let result = self.run(job);
        // A full disk takes the whole transaction back by itself.
        if self.connection.is_autocommit() {
            let error = match &result {
                Err(Interrupted::Answer(error)) => error.clone(),
                _ => ApiError::Unavailable("the database took the transaction back".to_owned()),
            };
            self.give_up(error.clone());
            return Err(error.into());
        }
        let undone = if result.is_err() { self.statement("ROLLBACK TO job") } else { Ok(()) };
        if let Err(interrupted) = undone.and_then(|()| self.statement("RELEASE job")) {
            // Half of the job's work may be left: nobody's is committed.
            self.give_up(ApiError::Unavailable("another transaction failed in the middle".to_owned()));
            return Err(interrupted);
        }
        if let Some(open) = &mut self.open {
            open.jobs += 1;
        }
        result
    }

    /// Runs a job. One that panics takes the others' work with it, and tells them.
    fn run<T>(&mut self, job: impl FnOnce(&mut Connection) -> Done<T>) -> Done<T> {
        let connection = &mut self.connection;
        catch_unwind(AssertUnwindSafe(|| job(connection))).unwrap_or_else(|panic| {
            self.give_up(ApiError::Unavailable("another transaction failed in the middle".to_owned()));
            resume_unwind(panic)
        })
    }

    fn begin(&mut self, durability: Durability) -> Done<()> {
        if self.durability != Some(durability) {
            // In WAL mode: FULL waits for the disk at every commit, NORMAL only
            // at checkpoints.
            let synchronous = match durability {
                Durability::Power => "PRAGMA synchronous = FULL",
                Durability::Process => "PRAGMA synchronous = NORMAL",
            };
            self.connection.execute_batch(synchronous).map_err(interrupted)?;
            self.durability = Some(durability);
        }
        self.statement("BEGIN IMMEDIATE")?;
        self.open = Some(Open { durability, jobs: 0, fate: Arc::default() });
        Ok(())
    }

    fn commit(&mut self) -> Result<(), ApiError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let committed = self.statement("COMMIT").map_err(|interrupted| match interrupted {
            Interrupted::Answer(error) => error,
            Interrupted::Again(what) => ApiError::Unavailable(what),
        });
        if committed.is_err() {
            self.roll_back();
        }
        open.fate.tell(committed.clone());
        committed
    }

    fn give_up(&mut self, error: ApiError) {
        self.roll_back();
        if let Some(open) = self.open.take() {
            open.fate.tell(Err(error));
        }
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            let _ = self.statement("ROLLBACK");
        }
    }

    fn statement(&mut self, sql: &'static str) -> Done<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(interrupted)?;
        statement.execute([]).map(drop).map_err(interrupted)
    }
}
