//! As many at a time as there is room for; the others wait.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Lets so many in at a time.
#[derive(Clone)]
pub(crate) struct Turnstile(Arc<Inner>);

struct Inner {
    free: Mutex<u32>,
    freed: Condvar,
}

/// Whoever holds it is in.
pub(crate) struct Inside<'a>(&'a Turnstile);

impl Turnstile {
    pub(crate) fn new(places: u32) -> Self {
        Self(Arc::new(Inner { free: Mutex::new(places.max(1)), freed: Condvar::new() }))
    }

    /// Waits for a place.
    pub(crate) fn enter(&self) -> Inside<'_> {
        let free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.0.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Inside(self)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.0.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Turnstile;

    #[test]
    fn no_more_are_inside_than_there_are_places() {
        let (turnstile, inside) = (Turnstile::new(2), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _inside = turnstile.enter();
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
