//! Things that are handed out under a random name and given back once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::tenant::people::random::secret;
use crate::tenant::store::weight::{Weighed, weight};

/// The most that all things of a kind take, in bytes. Beyond it the ones that
/// were used longest ago are forgotten.
const BYTES: u64 = 64 << 20;

/// Keeps values under random names, for a while.
pub(crate) struct OneTime<T> {
    kept: Cache<String, Kept<T>>,
    lifetime: Duration,
}

#[derive(Clone)]
struct Kept<T> {
    value: T,
    since: Instant,
}

impl<T: Weighed + Clone + Send + Sync + 'static> OneTime<T> {
    pub(crate) fn new(lifetime_s: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(BYTES)
            .weigher(|name: &String, kept: &Kept<T>| weight(name, &kept.value))
            // The default forgets what is new before what was asked for often:
            // here, each is asked for once.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(Duration::from_secs(lifetime_s));
        Self { kept: cache.build(), lifetime: Duration::from_secs(lifetime_s) }
    }

    /// Keeps a value. Returns its name.
    pub(crate) fn put(&self, value: T) -> String {
        let name = secret();
        self.put_as(name.clone(), value);
        name
    }

    /// Keeps a value under a name of the caller's.
    pub(crate) fn put_as(&self, name: String, value: T) {
        self.kept.insert(name, Kept { value, since: Instant::now() });
    }

    /// A look that leaves it there.
    pub(crate) fn get(&self, name: &str) -> Option<T> {
        self.kept.get(name).filter(|kept| self.is_good(kept)).map(|kept| kept.value)
    }

    /// The value, for whoever asks first.
    pub(crate) fn take(&self, name: &str) -> Option<T> {
        self.kept.remove(name).filter(|kept| self.is_good(kept)).map(|kept| kept.value)
    }

    /// Spends the value on something, for whoever asks first. Where that fails,
    /// because the directory does not answer, the value is there again, until the
    /// time at which it would have been gone.
    pub(crate) fn spend<R, E>(
        &self,
        name: &str,
        on: impl FnOnce(&T) -> Result<R, E>,
    ) -> Option<Result<R, E>> {
        let kept = self.kept.remove(name).filter(|kept| self.is_good(kept))?;
        let done = on(&kept.value);
        if done.is_err() {
            self.kept.insert(name.to_owned(), kept);
        }
        Some(done)
    }

    /// A value that was put back may outlive the cache's own count of its time.
    fn is_good(&self, kept: &Kept<T>) -> bool {
        kept.since.elapsed() < self.lifetime
    }
}

/// The use of something that is good for one login. It can be given back where
/// the login came to nothing because the directory did not answer.
#[derive(Debug, Default)]
pub(crate) struct Use(AtomicBool);

impl Use {
    /// True for whoever uses it first.
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
    use crate::tenant::store::one_time::{BYTES, OneTime};

    #[test]
    fn of_many_who_ask_at_once_one_gets_it() {
        let kept = OneTime::new(60);
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
        let kept = OneTime::new(60);
        for n in 0..200 {
            let value = "x".repeat(1 << 20) + &n.to_string();
            let name = kept.put(value.clone());
            assert_eq!(kept.get(&name), Some(value));
        }
        kept.kept.run_pending_tasks();
        assert!(kept.kept.weighted_size() <= BYTES);
    }

    #[test]
    fn it_is_there_again_where_it_was_spent_on_nothing() {
        let kept = OneTime::new(60);
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
        let kept = OneTime::new(1);
        let name = kept.put(String::new());
        std::thread::sleep(std::time::Duration::from_millis(600));
        assert!(kept.spend(&name, |_| Err::<(), _>(())).is_some());
        std::thread::sleep(std::time::Duration::from_millis(600));
        assert_eq!(kept.get(&name), None);
        assert_eq!(kept.take(&name), None);
    }
}
