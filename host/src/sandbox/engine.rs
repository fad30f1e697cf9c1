//! The sandbox, and the configuration of the engines that compile and run plugins.

use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, Engine, OperatorCost, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use super::engines::{Engines, StartError};
use super::kept_code::KeptCode;
use super::options::{Allocator, Options};
use crate::ambient::Ambient;
use crate::limits::Limits;

/// The WebAssembly proposals that a plugin may use: those of the standard that need
/// neither threads nor a garbage collector. Listed here, so that a later engine
/// does not add to them.
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

/// The engines that plugins are compiled for and run in.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) engines: Engines,
    pub(super) options: Options,
    pub(super) kept_code: KeptCode,
    pub(super) ambient: Ambient,
}

impl Sandbox {
    /// Starts the engines. Deadlines are measured by the clock of `ambient`.
    ///
    /// # Errors
    ///
    /// When the machine cannot run them, or the limits contradict each other.
    pub fn start(mut options: Options, ambient: &Ambient) -> Result<Self, StartError> {
        if !PoolingAllocationConfig::is_pagemap_scan_available() {
            options.allocator = Allocator::OnDemand;
        }
        let engines = match options.allocator {
            Allocator::OnDemand => Engines::start_one(&new_config(&options))?,
            Allocator::Pool => Engines::start_for_processors(options.concurrent_logins, |places| {
                let mut config = new_config(&options);
                config.allocation_strategy(new_pool(&options.limits, places));
                config
            })?,
        };
        let kept_code = KeptCode::open(engines.all().clone(), &options);
        Ok(Self { engines, options, kept_code, ambient: ambient.clone() })
    }

    /// Creates an engine that compiles for a sandbox with these options, and runs
    /// nothing.
    pub(super) fn start_compiler(options: &Options) -> Result<Engine, StartError> {
        Engine::new(&new_config(options)).map_err(|error| StartError::new(&error))
    }

    /// The clock that deadlines are measured by.
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

    /// Whether memory of earlier logins stays resident for later ones.
    pub(crate) fn keeps_memory(&self) -> bool {
        self.options.allocator == Allocator::Pool
    }

    /// The limits of one login.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }
}

/// The engine's configuration, as far as compiled code depends on it.
fn new_config(options: &Options) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(FEATURES.complement(), false)
        .wasm_features(FEATURES, true)
        // Fuel limits the plugin's own work, equally on every machine; the ticking
        // clock limits the host's work for it.
        .consume_fuel(true)
        .operator_cost(operator_costs())
        .epoch_interruption(true)
        // Floating-point results have the same bits on every processor.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(options.limits.stack_bytes)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // A backtrace holds addresses, which would make snapshots of failures
        // differ.
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
    config
}

/// The fuel of instructions. Growing calls the engine, so it costs the most.
fn operator_costs() -> OperatorCost {
    OperatorCost { MemoryGrow: u8::MAX, TableGrow: u8::MAX, ..OperatorCost::new() }
}

/// The pool of an engine with this many places for logins.
fn new_pool(limits: &Limits, logins: u32) -> PoolingAllocationConfig {
    let count = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
    let (instances, tables) = (count(limits.instances), count(limits.tables));
    let memories = count(limits.memories);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(logins)
        .total_core_instances(logins.saturating_mul(instances))
        .total_memories(logins.saturating_mul(memories))
        .total_tables(logins.saturating_mul(tables))
        // The host's own limits apply before the pool's, equally for both
        // allocators; the pool's must not be reached first.
        .max_core_instances_per_component(u32::MAX)
        .max_tables_per_component(u32::MAX)
        .max_memories_per_component(u32::MAX)
        .max_tables_per_module(tables)
        .max_memories_per_module(memories)
        .max_component_instance_size(usize::MAX >> 1)
        .max_core_instance_size(usize::MAX >> 1)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        // Twice what a login of the built-in policy changes. A plugin that fills its memory leaves no
        // more than this resident in each place of the pool.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}
