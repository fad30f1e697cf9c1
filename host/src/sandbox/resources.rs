//! The memory, tables and instances of one login, within their limits.

use wasmtime::ResourceLimiter;

use crate::limits::Limits;

/// Limits the memory, tables and instances of one login.
pub(super) struct ResourceLimits {
    max_bytes: usize,
    max_elements: usize,
    max_instances: usize,
    max_tables: usize,
    max_memories: usize,
    used: usize,
    elements: usize,
    /// The most memory in use at once, in bytes.
    pub(super) peak: usize,
}

/// The plugin wanted more of a resource than its limit. It is a trap rather than a
/// refused request: a plugin that does not get the memory that it needs panics
/// anyway, and the trap names the limit.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("wanted more than {limit} {what}")]
pub(super) struct BeyondLimit {
    pub(super) what: &'static str,
    pub(super) limit: usize,
    pub(super) key: &'static str,
}

impl ResourceLimits {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            max_bytes: limits.memory_bytes,
            max_elements: limits.table_elements,
            max_instances: limits.instances,
            max_tables: limits.tables,
            max_memories: limits.memories,
            used: 0,
            elements: 0,
            peak: 0,
        }
    }

    /// Allows more memory than the limit, for the host's own use.
    pub(super) fn allow_more(&mut self, bytes: usize) {
        self.max_bytes = self.max_bytes.saturating_add(bytes);
    }
}

/// Returns the sum after one of its parts has grown, if the limit allows it.
fn grow(sum: usize, current: usize, desired: usize, limit: usize) -> Option<usize> {
    let sum = sum.saturating_sub(current).saturating_add(desired);
    (sum <= limit).then_some(sum)
}

impl ResourceLimiter for ResourceLimits {
    // The limit comes before the maximum: the pool's memories and tables have a
    // maximum that those on demand do not have.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.max_bytes;
        let beyond = BeyondLimit { what: "bytes of memory", limit, key: "memory_bytes" };
        let used = grow(self.used, current, desired, limit).ok_or(beyond)?;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.used = used;
        self.peak = self.peak.max(self.used);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.max_elements;
        let beyond = BeyondLimit { what: "table elements", limit, key: "table_elements" };
        let elements = grow(self.elements, current, desired, limit).ok_or(beyond)?;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.max_instances
    }

    fn tables(&self) -> usize {
        self.max_tables
    }

    fn memories(&self) -> usize {
        self.max_memories
    }
}
