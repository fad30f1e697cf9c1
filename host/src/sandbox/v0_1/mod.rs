//! The contract `ligature:login@0.1.0`.
//!
//! | file | contents |
//! |---|---|
//! | `bindings` | the types and functions that wasmtime generates from the contract |
//! | `exports` | the functions of a plugin that the host calls |
//! | `imports` | the functions of the host that a plugin calls |
//! | `to_contract`, `from_contract` | the conversion of types |

mod bindings;
mod exports;
mod from_contract;
mod imports;
mod to_contract;

pub(super) use bindings::PluginPre;
pub(super) use exports::{PreparedSettings, Settings, SettingsWarnings, call_handler};
pub(super) use from_contract::read_outcome;
pub(super) use imports::add_to_linker;
