//! A cache whose entries expire by the tenant's clock.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::{Cache, CacheBuilder};

use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// A cache whose entries expire a fixed time after they were last put. The underlying cache bounds
/// the memory; expiry does not depend on its own clock, which tests cannot move.
pub(crate) struct Expiring<K, V> {
    pub(super) kept: Cache<K, ExpiringEntry<V>>,
    lifetime: Duration,
    ambient: Ambient,
}

/// A value, and the time at which it expires.
#[derive(Debug, Clone)]
pub(crate) struct ExpiringEntry<V> {
    pub(crate) value: V,
    ends: Monotonic,
}

/// The time after an entry's expiry at which the underlying cache frees it.
const SLACK: Duration = Duration::from_hours(1);
/// The longest lifetime: the underlying cache accepts at most 1,000 years.
const LONGEST: Duration = Duration::from_hours(24 * 36_500);

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Expiring<K, V> {
    /// Creates a cache from a builder that bounds its size. The least recently used entries are
    /// evicted: the default policy would evict new entries before frequently used ones.
    pub(crate) fn new(
        cache: CacheBuilder<K, ExpiringEntry<V>, Cache<K, ExpiringEntry<V>>>,
        lifetime: Duration,
        ambient: &Ambient,
    ) -> Self {
        let lifetime = lifetime.min(LONGEST);
        let cache = cache.eviction_policy(EvictionPolicy::lru()).time_to_live(lifetime + SLACK);
        Self { kept: cache.build(), lifetime, ambient: ambient.clone() }
    }

    /// Puts a value, with a full lifetime.
    pub(crate) fn put(&self, key: K, value: V) {
        self.kept.insert(key, self.entry(value));
    }

    /// Puts back an entry that was taken. It keeps its expiry time.
    pub(crate) fn put_back(&self, key: K, entry: ExpiringEntry<V>) {
        self.kept.insert(key, entry);
    }

    /// Returns the value of a key if it is valid; otherwise puts a new one. Concurrent callers get
    /// the same value.
    pub(crate) fn get_or_put(&self, key: K, init: impl FnOnce() -> V) -> V {
        let is_over = |known: &ExpiringEntry<V>| !self.is_valid(known);
        self.kept.entry(key).or_insert_with_if(|| self.entry(init()), is_over).into_value().value
    }

    /// Puts a value unless there is a valid one. Returns whether it was put.
    pub(crate) fn put_new(&self, key: K, value: V) -> bool {
        let is_over = |known: &ExpiringEntry<V>| !self.is_valid(known);
        self.kept.entry(key).or_insert_with_if(|| self.entry(value), is_over).is_fresh()
    }

    /// Returns the value of a key.
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.kept.get(key).filter(|entry| self.is_valid(entry)).map(|entry| entry.value)
    }

    /// Returns whether there is a value of a key that has expired and is not freed yet.
    pub(crate) fn is_expired<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.kept.get(key).is_some_and(|entry| !self.is_valid(&entry))
    }

    /// Removes and returns the entry of a key. Only the first caller gets it.
    pub(crate) fn take<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<ExpiringEntry<V>>
    where
        K: Borrow<Q>,
    {
        self.kept.remove(key).filter(|entry| self.is_valid(entry))
    }

    /// Removes the entry of a key.
    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.kept.invalidate(key);
    }

    /// Iterates over the values and their keys, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Arc<K>, V)> {
        let valid = self.kept.iter().filter(|(_, entry)| self.is_valid(entry));
        valid.map(|(key, entry)| (key, entry.value))
    }

    fn entry(&self, value: V) -> ExpiringEntry<V> {
        ExpiringEntry { value, ends: self.ambient.monotonic() + self.lifetime }
    }

    fn is_valid(&self, entry: &ExpiringEntry<V>) -> bool {
        self.ambient.monotonic() < entry.ends
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use moka::sync::Cache;

    use super::Expiring;
    use crate::tenant::store::test_clock::at_ten;

    const LIFETIME: Duration = Duration::from_secs(60);
    const LAST: Duration = Duration::from_millis(59_999);
    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn an_entry_is_valid_until_the_last_millisecond_of_its_lifetime() {
        let (clock, ambient) = at_ten();
        let kept = Expiring::new(Cache::builder(), LIFETIME, &ambient);
        kept.put("a", 1);
        clock.advance(LAST);
        assert_eq!(kept.get("a"), Some(1));
        assert!(!kept.put_new("a", 2));
        assert_eq!(kept.get_or_put("a", || 3), 1);
        clock.advance(MILLISECOND);
        assert_eq!(kept.get("a"), None);
        assert!(kept.take("a").is_none());
    }

    #[test]
    fn an_entry_that_has_ended_gives_way_to_a_new_one() {
        let (clock, ambient) = at_ten();
        let kept = Expiring::new(Cache::builder(), LIFETIME, &ambient);
        kept.put("a", 1);
        kept.put("b", 1);
        clock.advance(LIFETIME);
        assert!(kept.put_new("a", 2));
        assert_eq!(kept.get_or_put("b", || 3), 3);
        clock.advance(LAST);
        assert_eq!((kept.get("a"), kept.get("b")), (Some(2), Some(3)));
    }

    #[test]
    fn an_entry_that_is_put_back_ends_when_it_would_have() {
        let (clock, ambient) = at_ten();
        let kept = Expiring::new(Cache::builder(), LIFETIME, &ambient);
        kept.put("a", 1);
        clock.advance(LAST);
        kept.put_back("a", kept.take("a").unwrap());
        assert_eq!(kept.get("a"), Some(1));
        clock.advance(MILLISECOND);
        assert_eq!(kept.get("a"), None);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_prolongs_nothing() {
        let (clock, ambient) = at_ten();
        let kept = Expiring::new(Cache::builder(), LIFETIME, &ambient);
        kept.put("a", 1);
        clock.set("2020-01-01T00:00:00Z".parse().unwrap());
        clock.advance(LIFETIME);
        assert_eq!(kept.get("a"), None);
    }
}
