//! The settings of an engine that compiled code depends on. The host's build script includes this file:
//! it compiles the built-in policy for engines with these settings.

use wasmparser::WasmFeatures;
use wasmtime::{Config, OperatorCost, WasmBacktraceDetails};

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

/// Returns the settings of code for engines that map memory on demand.
pub(super) fn new_code_config() -> Config {
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
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // A backtrace holds addresses, which would make snapshots of failures
        // differ.
        .wasm_backtrace_max_frames(None);
    config
}

/// The fuel of instructions. Growing calls the engine, so it costs the most.
fn operator_costs() -> OperatorCost {
    OperatorCost { MemoryGrow: u8::MAX, TableGrow: u8::MAX, ..OperatorCost::new() }
}
