//! The engine: compiled code, fuel, and where instances live.

use std::path::PathBuf;

use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use super::Wasi;
use super::turnstile::Turnstile;
use crate::limits::Limits;

/// How plugins are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// What one login may use up.
    pub limits: Limits,
    /// What of WASI a plugin finds.
    pub wasi: Wasi,
    /// Where instances live.
    pub allocator: Allocator,
    /// Whether plugins are compiled for speed. It takes twice as long, and pays
    /// where more than a few logins are decided. Fuel is the same.
    pub optimise: bool,
    /// How many logins run at a time, at most; others wait. Only the pool asks.
    pub concurrent_logins: u32,
    /// Where compiled code is kept from one process to the next; none keeps
    /// nothing. What lies there is trusted: it must be the operator's own.
    pub cache: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            wasi: Wasi::default(),
            allocator: Allocator::OnDemand,
            optimise: true,
            concurrent_logins: 64,
            cache: None,
        }
    }
}

/// Where instances live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocator {
    /// Mapped for each login: nothing is reserved. For few logins.
    OnDemand,
    /// From a pool that the kernel's `PAGEMAP_SCAN` (Linux 6.7) keeps clean; on
    /// demand where the kernel does not have it, for without it the pool is the
    /// slower of the two. For servers and benches.
    Pool,
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox did not start: {0}")]
pub struct StartError(String);

/// The engine that plugins are compiled for and run in.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) engine: Engine,
    pub(super) options: Options,
    pub(super) turnstile: Turnstile,
    pooled: bool,
}

impl Sandbox {
    /// Starts an engine.
    ///
    /// # Errors
    ///
    /// When the machine cannot run it, or the limits contradict each other.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let pooled =
            options.allocator == Allocator::Pool && PoolingAllocationConfig::is_pagemap_scan_available();
        let mut config = Config::new();
        config
            // Fuel is deterministic and needs no ticker that somebody forgets.
            .consume_fuel(true)
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            // A backtrace holds addresses; snapshots of failures must not.
            .wasm_backtrace_max_frames(None);
        if !options.optimise {
            config.cranelift_opt_level(OptLevel::None);
        }
        if pooled {
            config.allocation_strategy(pool(&options)).memory_reservation_for_growth(0);
            config.memory_reservation(options.limits.memory_bytes as u64).memory_guard_size(64 << 10);
        }
        // Without a cache everything works, only later: that is no failure.
        if let Some(cache) = options.cache.as_ref().and_then(|directory| open_cache(directory.clone())) {
            config.cache(Some(cache));
        }
        let engine = Engine::new(&config).map_err(|error| StartError(format!("{error:#}")))?;
        let turnstile = Turnstile::new(if pooled { options.concurrent_logins } else { u32::MAX });
        Ok(Self { engine, options, turnstile, pooled })
    }

    /// The allocator in use, in words.
    #[must_use]
    pub fn allocator(&self) -> &'static str {
        if self.pooled { "pool with pagemap_scan" } else { "on demand" }
    }

    /// What one login may use up.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }
}

fn pool(options: &Options) -> PoolingAllocationConfig {
    let logins = options.concurrent_logins.max(1);
    let limits = &options.limits;
    let instances = u32::try_from(limits.instances).unwrap_or(u32::MAX);
    let tables = u32::try_from(limits.tables).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(logins)
        .total_core_instances(logins.saturating_mul(instances))
        .total_memories(logins)
        .total_tables(logins.saturating_mul(tables))
        .max_core_instances_per_component(instances)
        .max_tables_per_component(tables)
        .max_memories_per_component(1)
        .max_memory_size(limits.memory_bytes)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

fn open_cache(directory: PathBuf) -> Option<Cache> {
    let mut config = CacheConfig::new();
    config.with_directory(directory);
    Cache::new(config).ok()
}
