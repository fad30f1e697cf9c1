//! Things that are handed out under a random name and given back once.

use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::random::secret;
use super::weighed::{Weighed, weight};

/// The most that all things of a kind take, in bytes. Beyond it the ones that
/// were used longest ago are forgotten.
const BYTES: u64 = 64 << 20;

/// Keeps values under random names, for a while.
pub(super) struct OneTime<T>(Cache<String, T>);

impl<T: Weighed + Clone + Send + Sync + 'static> OneTime<T> {
    pub(super) fn new(lifetime_s: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(BYTES)
            .weigher(|name: &String, value: &T| weight(name, value))
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
        kept.0.run_pending_tasks();
        assert!(kept.0.weighted_size() <= BYTES);
    }
}
