//! The fuel that the host's own work for a plugin costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The fuel for a byte that the host copies.
pub(super) const COPIED_BYTE: u64 = 2;
/// The fuel for a byte that the host generates: random bytes, or JSON.
pub(super) const GENERATED_BYTE: u64 = 20;
/// The fuel for each call of the host.
pub(super) const HOST_CALL: u64 = 1_000;

/// The fuel that the host's work for one login has cost. Clones share the count.
#[derive(Clone)]
pub(super) struct HostFuel {
    spent: Arc<AtomicU64>,
    limit: u64,
}

/// The host's work for the plugin has used all of its fuel.
#[derive(Debug, thiserror::Error)]
#[error("the host's work took all of the fuel")]
pub(super) struct HostFuelSpent;

impl HostFuel {
    pub(super) fn new(limit: u64) -> Self {
        Self { spent: Arc::default(), limit }
    }

    /// Counts work. Only one thread works for a login.
    pub(super) fn charge(&self, fuel: u64) {
        let spent = self.spent.load(Ordering::Relaxed);
        self.spent.store(spent.saturating_add(fuel), Ordering::Relaxed);
    }

    /// The fuel spent so far.
    pub(super) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Returns an error if more fuel was spent than the limit.
    pub(super) fn check(&self) -> Result<(), HostFuelSpent> {
        if self.spent() > self.limit { Err(HostFuelSpent) } else { Ok(()) }
    }
}
