//! Values under random names, with a limit for each owner. Beyond the limit, an owner loses their
//! own oldest value, not those of others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::ambient::Ambient;
use crate::tenant::store::expiring::{Expiring, ExpiringEntry};
use crate::tenant::store::weight::{Weighed, weight};

/// The maximum size of a store, in bytes. Beyond it, the least recently used values are evicted.
const BYTES: u64 = 64 << 20;

/// A value that belongs to an identity (`provider|id`).
pub(crate) trait Owned: Weighed + Clone + Send + Sync + 'static {
    fn owner(&self) -> &str;
}

/// Values by name, and their names by owner.
pub(crate) struct PerOwner<T> {
    kept: Expiring<String, T>,
    names: Arc<Names>,
    most: usize,
}

impl<T: Owned> PerOwner<T> {
    /// Creates a store with a maximum number of values for each owner. A value expires a fixed time
    /// after it was last put.
    pub(crate) fn new(most: usize, lifetime_s: u64, ambient: &Ambient) -> Self {
        let names = Arc::new(Names::default());
        let listener = {
            let names = names.clone();
            move |name: Arc<String>, entry: ExpiringEntry<T>, cause| {
                if cause != RemovalCause::Replaced {
                    names.remove(entry.value.owner(), &name);
                }
            }
        };
        let cache = Cache::builder()
            .max_capacity(BYTES)
            .weigher(|name: &String, entry: &ExpiringEntry<T>| weight(name, &entry.value))
            .eviction_listener(listener);
        let kept = Expiring::new(cache, Duration::from_secs(lifetime_s), ambient);
        Self { kept, names, most }
    }

    /// Puts a value under this name. A value that already has the name is replaced, and the
    /// lifetime begins again.
    pub(crate) fn put(&self, name: &str, value: T) {
        let owner = value.owner().to_owned();
        let names = self.names.add(&owner, name);
        self.kept.put(name.to_owned(), value);
        if names > self.most {
            self.drop_surplus(&owner);
        }
    }

    /// Removes an owner's expired values, and the oldest of the others beyond the limit. A name
    /// without a value is left alone: it is about to be put.
    fn drop_surplus(&self, owner: &str) {
        let names = self.names.list_by_owner(owner);
        let (expired, others): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| self.kept.is_expired(name));
        let surplus = others.len().saturating_sub(self.most);
        for name in expired.iter().chain(others.iter().take(surplus)) {
            self.kept.remove(name);
            self.names.remove(owner, name);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<T> {
        self.kept.get(name)
    }

    pub(crate) fn remove(&self, name: &str) {
        self.kept.remove(name);
    }

    /// Removes all values of an owner. Returns their number.
    pub(crate) fn remove_by_owner(&self, owner: &str) -> usize {
        let names = self.names.list_by_owner(owner);
        names.iter().filter(|name| self.kept.take(*name).is_some()).count()
    }

    /// Returns the values of an owner, the oldest first, with their names.
    pub(crate) fn list_by_owner(&self, owner: &str) -> Vec<(String, T)> {
        let names = self.names.list_by_owner(owner).into_iter();
        names.filter_map(|name| self.kept.get(&name).map(|value| (name, value))).collect()
    }
}

/// The names of each owner's values, by the owner's SHA-256.
#[derive(Default)]
struct Names(Mutex<HashMap<[u8; 32], VecDeque<String>>>);

impl Names {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], VecDeque<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a name. Returns the number of the owner's names.
    fn add(&self, owner: &str, name: &str) -> usize {
        let mut all = self.lock();
        let own = all.entry(Sha256::digest(owner).into()).or_default();
        if !own.iter().any(|known| known == name) {
            own.push_back(name.to_owned());
        }
        own.len()
    }

    fn remove(&self, owner: &str, name: &str) {
        let owner: [u8; 32] = Sha256::digest(owner).into();
        let mut all = self.lock();
        let Some(own) = all.get_mut(&owner) else { return };
        own.retain(|known| known != name);
        if own.is_empty() {
            all.remove(&owner);
        }
    }

    fn list_by_owner(&self, owner: &str) -> Vec<String> {
        let owner: [u8; 32] = Sha256::digest(owner).into();
        self.lock().get(&owner).into_iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::ambient::Ambient;
    use crate::tenant::store::per_owner::{Owned, PerOwner};
    use crate::tenant::store::test_clock::at_ten;
    use crate::tenant::store::weight::Weighed;

    #[derive(Clone, PartialEq, Debug)]
    struct OwnedName(&'static str);

    impl Weighed for OwnedName {
        fn bytes(&self) -> usize {
            0
        }
    }

    impl Owned for OwnedName {
        fn owner(&self) -> &str {
            self.0
        }
    }

    #[test]
    fn an_owner_who_asks_for_more_loses_the_oldest_of_their_own() {
        let kept = PerOwner::new(3, 60, &Ambient::system());
        kept.put("of bob", OwnedName("bob"));
        for n in 0..1000 {
            kept.put(&n.to_string(), OwnedName("ada"));
        }
        let names: Vec<String> = kept.list_by_owner("ada").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["997", "998", "999"]);
        assert_eq!(kept.get("of bob"), Some(OwnedName("bob")));
        assert_eq!(kept.get("996"), None);
    }

    #[test]
    fn what_an_owner_has_ends_at_once_and_leaves_no_name() {
        let kept = PerOwner::new(10, 60, &Ambient::system());
        for name in ["1", "2"] {
            kept.put(name, OwnedName("ada"));
        }
        kept.put("3", OwnedName("bob"));
        assert_eq!(kept.remove_by_owner("ada"), 2);
        kept.remove("3");
        assert_eq!(
            (kept.get("1"), kept.list_by_owner("ada").len(), kept.list_by_owner("bob").len()),
            (None, 0, 0)
        );
        kept.kept.kept.run_pending_tasks();
        assert!(kept.names.lock().is_empty());
    }

    #[test]
    fn an_ended_entry_is_no_longer_counted_and_can_be_put_again() {
        let (clock, ambient) = at_ten();
        let kept = PerOwner::new(10, 60, &ambient);
        kept.put("1", OwnedName("ada"));
        clock.advance(Duration::from_millis(30_000));
        kept.put("2", OwnedName("ada"));
        clock.advance(Duration::from_millis(29_999));
        assert_eq!((kept.get("1"), kept.list_by_owner("ada").len()), (Some(OwnedName("ada")), 2));
        clock.advance(Duration::from_millis(1));
        assert_eq!((kept.get("1"), kept.list_by_owner("ada").len()), (None, 1));
        kept.put("2", OwnedName("ada"));
        clock.advance(Duration::from_millis(59_999));
        assert_eq!(kept.get("2"), Some(OwnedName("ada")));
        assert_eq!(kept.remove_by_owner("ada"), 1);
    }

    /// A refresh token that is rotated keeps its first place among the names.
    #[test]
    fn expired_values_are_dropped_before_an_older_one_that_is_valid() {
        let (clock, ambient) = at_ten();
        let kept = PerOwner::new(3, 60, &ambient);
        kept.put("rotated", OwnedName("ada"));
        for name in ["1", "2"] {
            kept.put(name, OwnedName("ada"));
        }
        clock.advance(Duration::from_millis(59_999));
        kept.put("rotated", OwnedName("ada"));
        clock.advance(Duration::from_millis(1));
        kept.put("3", OwnedName("ada"));
        kept.put("4", OwnedName("ada"));
        let names = || kept.list_by_owner("ada").into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(), ["rotated", "3", "4"]);
        kept.put("5", OwnedName("ada"));
        assert_eq!(names(), ["3", "4", "5"]);
    }

    #[test]
    fn a_name_that_is_put_again_counts_once() {
        let kept = PerOwner::new(2, 60, &Ambient::system());
        for name in ["1", "2", "1", "2"] {
            kept.put(name, OwnedName("ada"));
        }
        assert_eq!(kept.list_by_owner("ada").len(), 2);
    }
}
