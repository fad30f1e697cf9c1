//! The fuel for what the host does for a plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Fuel for a byte that the host copies for a plugin.
pub(super) const COPIED_BYTE: u64 = 2;
/// Fuel for a byte that the host makes for a plugin: random, or JSON.
pub(super) const MADE_BYTE: u64 = 20;
/// Fuel for each call of the host.
pub(super) const HOST_CALL: u64 = 1_000;

/// The host's work for one login. Clones count together.
#[derive(Clone)]
pub(super) struct Work {
    spent: Arc<AtomicU64>,
    most: u64,
}

/// The host's work for the plugin took all of its fuel.
#[derive(Debug, thiserror::Error)]
#[error("the host's work took all of the fuel")]
pub(super) struct SpentOnHost;

impl Work {
    /// Work that may take so much fuel.
    pub(super) fn new(most: u64) -> Self {
        Self { spent: Arc::default(), most }
    }

    /// Counts work. One thread works for a login.
    pub(super) fn charge(&self, fuel: u64) {
        let spent = self.spent.load(Ordering::Relaxed);
        self.spent.store(spent.saturating_add(fuel), Ordering::Relaxed);
    }

    /// The fuel for the work so far.
    pub(super) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Whether there is fuel for the work so far.
    pub(super) fn check(&self) -> Result<(), SpentOnHost> {
        if self.spent() > self.most { Err(SpentOnHost) } else { Ok(()) }
    }
}
