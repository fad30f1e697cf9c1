//! Several transactions of one process, made durable together.
//!
//! SQLite has one writer at a time, and a durable commit waits for the disk.
//! While one thread holds the connection, others queue; each that finds others
//! behind it leaves its work in the open transaction, as a savepoint, and the
//! last one commits for all. Nobody is answered before the commit.
//!
//! A transaction waits so long and no longer, from when it joins the queue: for
//! those before it, and for the lock that another process holds.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::in_place::InPlace;
use super::sqlite::{busy, interrupted};
use crate::ambient::Ambient;
use crate::directory::records::{Done, Durability, Interrupted};
use crate::model::ApiError;

/// At most so many transactions are made durable together, so that the first
/// of them need not wait for ever.
const TOGETHER: usize = 128;
/// After so long, whoever waits for a commit looks whether anybody will make it.
const LOOK: Duration = Duration::from_millis(20);

/// The one connection that writes.
pub(super) struct GroupCommit {
    writer: Mutex<Writer>,
    /// Threads that will take the connection next, or give up waiting for it.
    queued: AtomicUsize,
    patience: Duration,
    ambient: Ambient,
}

struct Writer {
    connection: Connection,
    files: Arc<InPlace>,
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
        *self.committed.lock() = Some(committed);
        self.known.notify_all();
    }

    /// None if it is not known within this time.
    fn wait(&self, time: Duration) -> Option<Result<(), ApiError>> {
        let mut committed = self.committed.lock();
        self.known.wait_while_for(&mut committed, |it| it.is_none(), time);
        committed.clone()
    }
}

impl GroupCommit {
    /// `patience` is how long a transaction waits until it begins.
    pub(super) fn new(
        connection: Connection,
        files: Arc<InPlace>,
        patience: Duration,
        ambient: &Ambient,
    ) -> Self {
        let writer = Writer { connection, files, durability: None, open: None };
        Self { writer: Mutex::new(writer), queued: AtomicUsize::new(0), patience, ambient: ambient.clone() }
    }

    /// Writes the log into the database file, as far as nobody reads it.
    pub(super) fn write_log_back(&self) {
        let Some(writer) = self.writer.try_lock_for(self.patience) else { return };
        if writer.files.check().is_ok() {
            let done = writer.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = done {
                tracing::debug!(%error, "the log was not written back");
            }
        }
    }

    /// Runs one transaction, and answers once it is as durable as asked.
    pub(super) fn run<T>(
        &self,
        durability: Durability,
        job: impl FnOnce(&mut Connection) -> Done<T>,
    ) -> Done<T> {
        let start = self.ambient.monotonic();
        self.queued.fetch_add(1, Ordering::SeqCst);
        let taken = self.writer.try_lock_for(self.patience);
        self.queued.fetch_sub(1, Ordering::SeqCst);
        let Some(mut writer) = taken else { return Err(busy()) };

        let left = self.patience.saturating_sub(self.ambient.elapsed(start));
        let result = writer.join((durability, left), job);
        let Some(open) = &writer.open else { return result };
        if self.queued.load(Ordering::SeqCst) > 0 && open.jobs < TOGETHER {
            let fate = open.fate.clone();
            drop(writer);
            // Also a job that failed: what it has seen is others' work, and not
            // there before it is committed.
            self.wait_for(&fate).map_err(Interrupted::from)?;
            return result;
        }
        let committed = writer.commit();
        drop(writer);
        committed.map_err(Interrupted::from)?;
        result
    }

    /// Waits for the commit of a shared transaction. Whoever was to make it may
    /// have given up waiting for the connection.
    fn wait_for(&self, fate: &Arc<Fate>) -> Result<(), ApiError> {
        loop {
            if let Some(committed) = fate.wait(LOOK) {
                return committed;
            }
            if let Some(mut writer) = self.writer.try_lock()
                && writer.open.as_ref().is_some_and(|open| Arc::ptr_eq(&open.fate, fate))
            {
                let _ = writer.commit();
            }
        }
    }
}

impl Writer {
    /// Runs a job in the open transaction, or in a new one. If the job fails,
    /// the others' work stays.
    fn join<T>(
        &mut self,
        (durability, patience): (Durability, Duration),
        job: impl FnOnce(&mut Connection) -> Done<T>,
    ) -> Done<T> {
        // What need not be durable does not make room for what must be.
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

    /// Waits for another process no longer than this.
    fn begin(&mut self, durability: Durability, patience: Duration) -> Done<()> {
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
        self.connection.busy_timeout(patience).map_err(interrupted)?;
        self.statement("BEGIN IMMEDIATE")?;
        if let Err(why) = self.files.check() {
            self.roll_back();
            return Err(not_in_place(why));
        }
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
        // Into a file that was deleted meanwhile, a commit is lost.
        let in_place = |()| {
            let lost = |why| format!("{why}; whether the change is there then cannot be told");
            self.files.check().map_err(|why| ApiError::Unavailable(lost(why)))
        };
        let committed = committed.and_then(in_place);
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

fn not_in_place(why: String) -> Interrupted {
    ApiError::Unavailable(format!("nothing was changed: {why}")).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use rusqlite::Connection;

    use super::{GroupCommit, InPlace};
    use crate::ambient::Ambient;
    use crate::directory::records::Durability;
    use crate::directory::sql::sqlite::interrupted;
    use crate::directory::sql::sqlite_file::Access;

    /// A thread that gives up in the queue may be the one that was to commit for others.
    #[test]
    fn whoever_gives_up_waiting_leaves_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let connection = Connection::open(&file).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER); BEGIN IMMEDIATE; COMMIT")
            .unwrap();
        let ambient = Ambient::system();
        let files = Arc::new(InPlace::of(&file, &connection, Access::Write, &ambient).unwrap());
        let writer = GroupCommit::new(connection, files, Duration::from_micros(300), &ambient);
        let (done, given_up) = (AtomicI64::new(0), AtomicI64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut pauses = fastrand::Rng::with_seed(0);
                    for n in 0..100 {
                        let ran = writer.run(Durability::Process, |connection| {
                            std::thread::sleep(Duration::from_micros(pauses.u64(0..200)));
                            connection.execute("INSERT INTO t VALUES (?1)", [n]).map_err(interrupted)
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
