//! Measuring the memory of logins that are under way at once.

use std::sync::{Arc, Barrier, Condvar, Mutex, MutexGuard, PoisonError};

use super::bench_login::{BenchError, BenchLoad, BenchLogin, measure_login};
use super::case::Case;
use crate::directory::{CheckedLink, Directory, Memory, MetadataUpdate, Stored};
use crate::model::{ApiError, IdentityKey, User};
use crate::sandbox::Plugin;

/// Returns the resident memory of each of so many logins as there are threads, in bytes, while all
/// of them wait for their link. None if the login links nothing, or if the memory is not known.
///
/// The instances must be mapped on demand: a pool keeps memory of earlier logins resident.
pub(super) fn measure_resident_bytes(
    plugin: &Plugin,
    case: &Case,
    load: BenchLoad,
) -> Result<Option<u64>, BenchError> {
    let threads = load.threads.max(1);
    let (gate, is_warm, begins) = (Gate::default(), Barrier::new(threads + 1), Barrier::new(threads + 1));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| hold_login(plugin, case, load, (&gate, [&is_warm, &begins]))))
            .collect();
        is_warm.wait();
        let before = read_resident_bytes();
        begins.wait();
        let held = gate.wait_for(threads);
        let after = read_resident_bytes();
        gate.open();
        for worker in workers {
            worker.join().map_err(|_| BenchError::ThreadDied)??;
        }
        let grown = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        Ok(grown.filter(|_| held == threads).map(|bytes| bytes / threads as u64))
    })
}

/// Decides a login, so that the thread has the memory that it keeps, and then one that waits at the
/// gate.
fn hold_login(
    plugin: &Plugin,
    case: &Case,
    load: BenchLoad,
    (gate, barriers): (&Gate, [&Barrier; 2]),
) -> Result<(), BenchError> {
    let login = BenchLogin::arrive(case);
    let warm = login.as_ref().map_err(Clone::clone).and_then(|login| {
        measure_login(plugin, login, Arc::new(login.copy_directory()), load.trace).map(|_| ())
    });
    for barrier in barriers {
        barrier.wait();
    }
    if let Ok(login) = &login {
        let directory = HeldDirectory { directory: login.copy_directory(), gate: gate.clone() };
        // It may pass its deadline at the gate.
        let _ = measure_login(plugin, login, Arc::new(directory), load.trace);
    }
    gate.note_end();
    warm
}

/// A place where logins wait until it is opened. Clones are the same place.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Waiting>, Condvar)>);

#[derive(Default)]
struct Waiting {
    held: usize,
    ended: usize,
    is_open: bool,
}

impl Gate {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self) {
        let mut waiting = self.waiting();
        waiting.held += 1;
        self.0.1.notify_all();
        while !waiting.is_open {
            waiting = self.0.1.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note_end(&self) {
        self.waiting().ended += 1;
        self.0.1.notify_all();
    }

    /// Waits until every login waits here or has ended. Returns how many wait.
    fn wait_for(&self, logins: usize) -> usize {
        let mut waiting = self.waiting();
        while waiting.held + waiting.ended < logins {
            waiting = self.0.1.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.held
    }

    fn open(&self) {
        self.waiting().is_open = true;
        self.0.1.notify_all();
    }
}

/// A directory whose links wait at a gate.
struct HeldDirectory {
    directory: Memory,
    gate: Gate,
}

impl Directory for HeldDirectory {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.directory.find_by_email(email, limit)
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.directory.get(user_id)
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.directory.owner(identity)
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        self.gate.hold();
        self.directory.link(link)
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        self.directory.patch_metadata(update)
    }
}

/// The resident memory of this process in bytes, from Linux's `/proc`: the proportional set size, in
/// which a page that several instances share counts once. Without the pages of files, whose share falls
/// when another process begins to run the same program.
fn read_resident_bytes() -> Option<u64> {
    let sizes = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let kibibytes = |name: &str| -> Option<u64> {
        let line = sizes.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some((kibibytes("Pss_Anon:")? + kibibytes("Pss_Shmem:")?) * 1024)
}
