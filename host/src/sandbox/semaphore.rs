//! A semaphore: limits how many threads run something at once.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A counting semaphore. Clones share the permits.
#[derive(Clone)]
pub(crate) struct Semaphore(Arc<Inner>);

struct Inner {
    free: Mutex<u32>,
    freed: Condvar,
}

/// A permit, which is returned when it is dropped.
pub(crate) struct Permit<'a>(&'a Semaphore);

impl Semaphore {
    pub(crate) fn new(permits: u32) -> Self {
        Self(Arc::new(Inner { free: Mutex::new(permits.max(1)), freed: Condvar::new() }))
    }

    /// Waits for a permit.
    pub(crate) fn acquire(&self) -> Permit<'_> {
        let free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.0.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Semaphore;

    #[test]
    fn no_more_run_than_there_are_permits() {
        let (semaphore, running) = (Semaphore::new(2), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _permit = semaphore.acquire();
                        assert!(running.fetch_add(1, Ordering::SeqCst) < 2);
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
