//! Things that are handed out under a random name and given back once.

use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::random::secret;

/// What all things of a kind may take, in bytes. Beyond it the ones that were
/// used longest ago are forgotten.
const BYTES: u64 = 64 << 20;
/// What a thing takes at least, its name and its place included.
const AT_LEAST: u32 = 512;

/// Keeps values under names that nobody can guess, for a while.
pub(super) struct OneTime<T>(Cache<String, T>);

impl<T: Clone + Send + Sync + 'static> OneTime<T> {
    /// For things of about one size.
    pub(super) fn new(lifetime_s: u64) -> Self {
        Self::weighed(lifetime_s, |_| 0)
    }

    /// For things that are as large as whoever sends them likes; `bytes` tells
    /// how large.
    pub(super) fn weighed(lifetime_s: u64, bytes: fn(&T) -> usize) -> Self {
        let weigh = move |_: &String, value: &T| {
            AT_LEAST.saturating_add(u32::try_from(bytes(value)).unwrap_or(u32::MAX))
        };
        let cache = Cache::builder()
            .max_capacity(BYTES)
            .weigher(weigh)
            // The default forgets what is new before what was asked for often:
            // here, each is asked for once.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(Duration::from_secs(lifetime_s));
        Self(cache.build())
    }

    /// Keeps a value. Returns its name.
    pub(super) fn put(&self, value: T) -> String {
        let name = secret();
        self.0.insert(name.clone(), value);
        name
    }

    /// Keeps a value under a name of the caller's.
    pub(super) fn put_as(&self, name: String, value: T) {
        self.0.insert(name, value);
    }

    /// A look that leaves it there.
    pub(super) fn get(&self, name: &str) -> Option<T> {
        self.0.get(name)
    }

    /// The value, for whoever asks first.
    pub(super) fn take(&self, name: &str) -> Option<T> {
        self.0.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, OneTime};

    #[test]
    fn of_many_who_ask_at_once_one_gets_it() {
        let kept = OneTime::new(60);
        for _ in 0..200 {
            let name = kept.put(());
            let got = std::thread::scope(|scope| {
                let takers: Vec<_> = (0..4).map(|_| scope.spawn(|| kept.take(&name).is_some())).collect();
                takers.into_iter().map(|taker| usize::from(taker.join().unwrap())).sum::<usize>()
            });
            assert_eq!(got, 1);
        }
    }

    #[test]
    fn the_newest_is_there_however_many_there_are() {
        let kept = OneTime::weighed(60, |_: &u64| 1 << 20);
        for n in 0..200 {
            let name = kept.put(n);
            assert_eq!(kept.get(&name), Some(n));
        }
        kept.0.run_pending_tasks();
        assert!(kept.0.weighted_size() <= BYTES);
    }
}
