//! The engine: compiled code, fuel, and where instances live.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmparser::WasmFeatures;
use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, OperatorCost, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use super::Wasi;
use super::compiler::Compiler;
use super::turnstile::Turnstile;
use crate::ambient::Ambient;
use crate::limits::Limits;

/// The proposals of WebAssembly that a plugin may use: those of the standard
/// that need neither threads nor a garbage collector. A later engine does not
/// add to them by itself.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

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
    /// Where plugins are compiled.
    pub compiler: Compiler,
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
            compiler: Compiler::default(),
        }
    }
}

/// Where instances live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    pub(super) ambient: Ambient,
}

impl Sandbox {
    /// Starts an engine. Deadlines are by this time.
    ///
    /// # Errors
    ///
    /// When the machine cannot run it, or the limits contradict each other.
    pub fn start(mut options: Options, ambient: &Ambient) -> Result<Self, StartError> {
        if !PoolingAllocationConfig::is_pagemap_scan_available() {
            options.allocator = Allocator::OnDemand;
        }
        let mut config = config(&options);
        if options.allocator == Allocator::Pool {
            config.allocation_strategy(pool(&options));
        }
        let engine = Engine::new(&config).map_err(|error| StartError(format!("{error:#}")))?;
        start_clock(&engine)?;
        let pooled = options.allocator == Allocator::Pool;
        let turnstile = Turnstile::new(if pooled { options.concurrent_logins } else { u32::MAX });
        Ok(Self { engine, options, turnstile, ambient: ambient.clone() })
    }

    /// An engine that compiles for such a sandbox and runs nothing.
    pub(super) fn start_compiler(options: &Options) -> Result<Engine, StartError> {
        Engine::new(&config(options)).map_err(|error| StartError(format!("{error:#}")))
    }

    /// The time that deadlines are by.
    #[must_use]
    pub fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// The allocator in use, in words.
    #[must_use]
    pub fn allocator(&self) -> &'static str {
        match self.options.allocator {
            Allocator::Pool => "pool with pagemap_scan",
            Allocator::OnDemand => "on demand",
        }
    }

    /// What one login may use up.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }
}

/// Everything that compiled code depends on.
fn config(options: &Options) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(FEATURES.complement(), false)
        .wasm_features(FEATURES, true)
        // Fuel ends what a plugin computes, the same on every machine; a clock
        // that ticks ends what the host does for it.
        .consume_fuel(true)
        .operator_cost(costs())
        .epoch_interruption(true)
        // The same bits on every processor.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(options.limits.stack_bytes)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // A backtrace holds addresses; snapshots of failures must not.
        .wasm_backtrace_max_frames(None);
    if !options.optimise {
        config.cranelift_opt_level(OptLevel::None);
    }
    if options.allocator == Allocator::Pool {
        config
            .memory_reservation(options.limits.memory_bytes as u64)
            .memory_guard_size(64 << 10)
            .memory_reservation_for_growth(0);
    }
    // Without a cache everything works, only later: that is no failure.
    if let Some(cache) = options.cache.as_ref().and_then(|directory| open_cache(directory.clone())) {
        config.cache(Some(cache));
    }
    config
}

/// Growing is a call of the engine, and takes longer than an instruction.
fn costs() -> OperatorCost {
    OperatorCost { MemoryGrow: u8::MAX, TableGrow: u8::MAX, ..OperatorCost::new() }
}

/// Lets the engine's clock tick until the engine is gone.
fn start_clock(engine: &Engine) -> Result<(), StartError> {
    let engine = engine.weak();
    let ticking = std::thread::Builder::new().name("clock".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    });
    ticking.map(drop).map_err(|error| StartError(format!("no thread for its clock: {error}")))
}

/// How late a deadline is noticed at most.
const TICK: Duration = Duration::from_millis(10);

fn pool(options: &Options) -> PoolingAllocationConfig {
    let logins = options.concurrent_logins.max(1);
    let limits = &options.limits;
    let count = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
    let (instances, tables) = (count(limits.instances), count(limits.tables));
    let memories = count(limits.memories);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(logins)
        .total_core_instances(logins.saturating_mul(instances))
        .total_memories(logins.saturating_mul(memories))
        .total_tables(logins.saturating_mul(tables))
        // The limits are checked before the pool is asked, the same for both
        // allocators: the pool's own are never the first to say no.
        .max_core_instances_per_component(u32::MAX)
        .max_tables_per_component(u32::MAX)
        .max_memories_per_component(u32::MAX)
        .max_tables_per_module(tables)
        .max_memories_per_module(memories)
        .max_component_instance_size(usize::MAX >> 1)
        .max_core_instance_size(usize::MAX >> 1)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Compiled code is run as it lies there: a folder that somebody else can write
/// to is not used.
fn open_cache(directory: PathBuf) -> Option<Cache> {
    if !is_our_own(&directory) {
        return None;
    }
    let mut config = CacheConfig::new();
    config.with_directory(directory);
    Cache::new(config).ok()
}

#[cfg(unix)]
fn is_our_own(directory: &Path) -> bool {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    let metadata = made.and_then(|()| std::fs::metadata(directory));
    metadata.is_ok_and(|it| it.uid() == rustix::process::geteuid().as_raw() && it.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_our_own(_: &Path) -> bool {
    true
}
