//! A semaphore: limits how many threads run something at once.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A counting semaphore. Clones share the permits.
///
/// The permits are in groups. While no thread waits, threads that use different groups do not slow each
/// other down. A thread whose group has no permit left takes one of another.
#[derive(Clone)]
pub(crate) struct Semaphore(Arc<Inner>);

struct Inner {
    groups: Box<[Group]>,
    /// The number of threads that wait or are about to.
    waiting: AtomicUsize,
    queue: Mutex<()>,
    freed: Condvar,
}

/// The free permits of one group. Processors fetch two cache lines of 64 bytes at once.
#[repr(align(128))]
struct Group(AtomicU32);

/// A permit, which is returned when it is dropped.
pub(crate) struct Permit<'a> {
    semaphore: &'a Semaphore,
    group: usize,
}

impl Semaphore {
    /// A semaphore with this many permits, at least one, in one group.
    pub(crate) fn new(permits: u32) -> Self {
        Self::in_groups(permits, 1)
    }

    /// A semaphore with this many permits, at least one, in this many groups of about the same size.
    pub(crate) fn in_groups(permits: u32, groups: u32) -> Self {
        let (permits, groups) = (permits.max(1), groups.max(1));
        let size = |group| permits / groups + u32::from(group < permits % groups);
        Self(Arc::new(Inner {
            groups: (0..groups).map(|group| Group(AtomicU32::new(size(group)))).collect(),
            waiting: AtomicUsize::new(0),
            queue: Mutex::new(()),
            freed: Condvar::new(),
        }))
    }

    /// Waits for a permit.
    pub(crate) fn acquire(&self) -> Permit<'_> {
        self.acquire_near(0)
    }

    /// Waits for a permit, of this group if it has one.
    pub(crate) fn acquire_near(&self, group: usize) -> Permit<'_> {
        self.try_acquire(group).unwrap_or_else(|| self.wait(group))
    }

    fn try_acquire(&self, group: usize) -> Option<Permit<'_>> {
        let groups = self.0.groups.len();
        (group..group + groups).map(|group| group % groups).find_map(|group| {
            let free = &self.0.groups[group].0;
            let taken = free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| free.checked_sub(1));
            taken.ok().map(|_| Permit { semaphore: self, group })
        })
    }

    #[cold]
    fn wait(&self, group: usize) -> Permit<'_> {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // A thread that returns a permit reads this afterwards. It either sees that this thread waits,
        // or has returned the permit before the next attempt.
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
        let permit = loop {
            match self.try_acquire(group) {
                Some(permit) => break permit,
                None => queue = self.0.freed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        permit
    }
}

impl Permit<'_> {
    /// The group that the permit belongs to, counted from zero.
    pub(crate) fn group(&self) -> usize {
        self.group
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let Inner { groups, waiting, queue, freed } = &*self.semaphore.0;
        groups[self.group].0.fetch_add(1, Ordering::SeqCst);
        if waiting.load(Ordering::SeqCst) > 0 {
            // A thread that has found no permit waits as soon as it gives up the lock.
            drop(queue.lock().unwrap_or_else(PoisonError::into_inner));
            freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::Semaphore;

    fn run_eight_threads(semaphore: &Semaphore, permits: u32) {
        let running = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let running = &running;
                scope.spawn(move || {
                    for _ in 0..2000 {
                        let _permit = semaphore.acquire_near(thread);
                        assert!(running.fetch_add(1, Ordering::SeqCst) < permits);
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }

    #[test]
    fn no_more_run_than_there_are_permits() {
        run_eight_threads(&Semaphore::new(2), 2);
        run_eight_threads(&Semaphore::in_groups(3, 2), 3);
        run_eight_threads(&Semaphore::in_groups(1, 4), 1);
    }

    /// Nobody else returns a permit here, so a wake-up that is lost is not made up for.
    #[test]
    fn the_only_thread_that_waits_is_woken() {
        const ROUNDS: u32 = 20_000;
        let (semaphore, round) = (Semaphore::new(1), AtomicU32::new(0));
        let (done, is_done) = std::sync::mpsc::channel();
        let (other, other_round) = (semaphore.clone(), Arc::new(round));
        let of_waiter = other_round.clone();
        let mut permit = Some(semaphore.acquire());
        std::thread::spawn(move || {
            for next in 1..=ROUNDS {
                while of_waiter.load(Ordering::SeqCst) != next {
                    std::hint::spin_loop();
                }
                drop(other.acquire());
                of_waiter.store(0, Ordering::SeqCst);
                done.send(()).unwrap();
            }
        });
        for next in 1..=ROUNDS {
            other_round.store(next, Ordering::SeqCst);
            // The moment differs from round to round.
            (0..next % 200).for_each(|_| std::hint::spin_loop());
            permit.take();
            let woken = is_done.recv_timeout(Duration::from_secs(20));
            assert!(woken.is_ok(), "round {next}: the thread still waits");
            permit = Some(semaphore.acquire());
        }
    }

    #[test]
    fn a_thread_takes_a_permit_of_another_group_rather_than_wait() {
        let semaphore = Semaphore::in_groups(5, 2);
        let permits: Vec<_> = (0..5).map(|_| semaphore.acquire_near(1)).collect();
        let groups: Vec<_> = permits.iter().map(super::Permit::group).collect();
        assert_eq!(groups, [1, 1, 0, 0, 0]);
        assert!(semaphore.try_acquire(0).is_none());
        drop(permits);
        assert_eq!(semaphore.acquire_near(1).group(), 1);
        assert_eq!(semaphore.acquire_near(2).group(), 0);
    }
}
