//! Things that are handed out under a random name and given back once.

use std::time::Duration;

use moka::sync::Cache;

use super::random::secret;

/// How many of each kind are kept; beyond them the least used are forgotten.
const KEPT: u64 = 100_000;

/// Keeps values under names that nobody can guess, for a while.
pub(super) struct OneTime<T>(Cache<String, T>);

impl<T: Clone + Send + Sync + 'static> OneTime<T> {
    pub(super) fn new(lifetime_s: u64) -> Self {
        let lifetime = Duration::from_secs(lifetime_s);
        Self(Cache::builder().max_capacity(KEPT).time_to_live(lifetime).build())
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
    use super::OneTime;

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
}
