//! Values under random names, each of which can be taken once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::ambient::Ambient;
use crate::tenant::store::expiring::{Expiring, ExpiringEntry};
use crate::tenant::store::weight::{Weighed, weight};

/// The maximum size of a store, in bytes. Beyond it, the least recently used values are evicted.
const BYTES: u64 = 64 << 20;

/// Values under random names, which expire.
pub(crate) struct OneTime<T> {
    kept: Expiring<String, T>,
    ambient: Ambient,
}

impl<T: Weighed + Clone + Send + Sync + 'static> OneTime<T> {
    pub(crate) fn new(lifetime_s: u64, ambient: &Ambient) -> Self {
        let cache = Cache::builder()
            .max_capacity(BYTES)
            .weigher(|name: &String, entry: &ExpiringEntry<T>| weight(name, &entry.value));
        let kept = Expiring::new(cache, Duration::from_secs(lifetime_s), ambient);
        Self { kept, ambient: ambient.clone() }
    }

    /// Stores a value. Returns its name.
    pub(crate) fn put(&self, value: T) -> String {
        let name = self.ambient.random().secret();
        self.put_as(name.clone(), value);
        name
    }

    /// Stores a value under this name.
    pub(crate) fn put_as(&self, name: String, value: T) {
        self.kept.put(name, value);
    }

    /// Returns the value of a name, without removing it.
    pub(crate) fn get(&self, name: &str) -> Option<T> {
        self.kept.get(name)
    }

    /// Removes and returns the value of a name. Only one caller gets it.
    pub(crate) fn take(&self, name: &str) -> Option<T> {
        self.kept.take(name).map(|entry| entry.value)
    }

    /// Takes the value and passes it to `on`; only the first caller gets it. If that fails, because
    /// the directory does not answer, the value is put back with its expiry time unchanged.
    pub(crate) fn spend<R, E>(
        &self,
        name: &str,
        on: impl FnOnce(&T) -> Result<R, E>,
    ) -> Option<Result<R, E>> {
        let entry = self.kept.take(name)?;
        let done = on(&entry.value);
        if done.is_err() {
            self.kept.put_back(name.to_owned(), entry);
        }
        Some(done)
    }
}

/// Records the use of something that is valid for one login. The use can be undone if the login
/// failed because the directory did not answer.
#[derive(Debug, Default)]
pub(crate) struct Use(AtomicBool);

impl Use {
    /// Begins the use. Returns whether this is the first.
    pub(crate) fn begin(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn give_back(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl PartialEq for Use {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::ambient::Ambient;
    use crate::tenant::store::one_time::{BYTES, OneTime};
    use crate::tenant::store::test_clock::at_ten;

    #[test]
    fn of_many_who_ask_at_once_one_gets_it() {
        let kept = OneTime::new(60, &Ambient::system());
        for _ in 0..200 {
            let name = kept.put(String::new());
            let got = std::thread::scope(|scope| {
                let takers: Vec<_> = (0..4).map(|_| scope.spawn(|| kept.take(&name).is_some())).collect();
                takers.into_iter().map(|taker| usize::from(taker.join().unwrap())).sum::<usize>()
            });
            assert_eq!(got, 1);
        }
    }

    #[test]
    fn the_newest_is_there_however_many_there_are() {
        let kept = OneTime::new(60, &Ambient::system());
        for n in 0..200 {
            let value = "x".repeat(1 << 20) + &n.to_string();
            let name = kept.put(value.clone());
            assert_eq!(kept.get(&name), Some(value));
        }
        kept.kept.kept.run_pending_tasks();
        assert!(kept.kept.kept.weighted_size() <= BYTES);
    }

    #[test]
    fn it_is_there_again_where_it_was_spent_on_nothing() {
        let kept = OneTime::new(60, &Ambient::system());
        let name = kept.put("value".to_owned());
        assert_eq!(
            kept.spend(&name, |_| Err::<(), _>("the directory does not answer")),
            Some(Err("the directory does not answer"))
        );
        assert_eq!(kept.spend(&name, |value| Ok::<_, ()>(value.clone())), Some(Ok("value".to_owned())));
        assert_eq!(kept.spend(&name, |_| Ok::<_, ()>(())), None);
    }

    #[test]
    fn it_is_not_kept_longer_by_being_put_back() {
        let (clock, ambient) = at_ten();
        let kept = OneTime::new(1, &ambient);
        let (name, other) = (kept.put(String::new()), kept.put(String::new()));
        clock.advance(Duration::from_millis(999));
        assert!(kept.spend(&name, |_| Err::<(), _>(())).is_some());
        assert!(kept.get(&name).is_some() && kept.take(&other).is_some());
        clock.advance(Duration::from_millis(1));
        assert_eq!((kept.get(&name), kept.take(&name)), (None, None));
    }
}
