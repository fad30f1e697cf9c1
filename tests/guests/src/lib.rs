//! The components that the tests run, built with them.

mod enlarged;

pub use enlarged::{slow_to_compile, with_component, with_module};

/// Tries everything a plugin may not do.
pub const EVIL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/evil.wasm"));

/// Tries more, with more of WASI.
pub const WORLDLY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/worldly.wasm"));

/// The plugin of `examples/minimal-plugin`.
pub const MINIMAL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/minimal_plugin.wasm"));

/// The path of [`MINIMAL`], for programs that read it.
pub const MINIMAL_FILE: &str = concat!(env!("OUT_DIR"), "/minimal_plugin.wasm");

/// The path of [`EVIL`], for programs that read it.
pub const EVIL_FILE: &str = concat!(env!("OUT_DIR"), "/evil.wasm");

/// Built against the contract as it was first released.
pub const PINNED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pinned.wasm"));

/// Makes the calls that its settings name.
pub const PROBE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe.wasm"));
