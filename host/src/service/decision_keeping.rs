//! The retention of decisions, and the counts of kept ones.

use prometheus_client::registry::Registry;

use super::metrics::KeptCounts;

/// How long decisions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionRetention {
    /// The days after which a decision is forgotten.
    pub days: u32,
    /// The most decisions; beyond them, the oldest ones are forgotten.
    pub most: usize,
}

impl Default for DecisionRetention {
    fn default() -> Self {
        Self { days: 30, most: 100_000 }
    }
}

/// The retention of decisions, and their counts, which every recorder of a service shares.
#[derive(Debug, Clone)]
pub struct DecisionKeeping {
    pub(super) retention: DecisionRetention,
    pub(super) counts: KeptCounts,
}

impl From<DecisionRetention> for DecisionKeeping {
    fn from(retention: DecisionRetention) -> Self {
        Self { retention, counts: KeptCounts::default() }
    }
}

impl DecisionKeeping {
    /// Registers the counts.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.counts.register(registry);
    }
}
