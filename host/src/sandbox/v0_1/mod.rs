//! The contract `ligature:login@0.1.0`.
//!
//! | file | contents |
//! |---|---|
//! | `bindings` | the types and functions that wasmtime generates from the contract |
//! | `handler` | the functions of a plugin that a login calls |
//! | `exports` | the functions of a plugin's optional interfaces |
//! | `imports` | the functions of the host that a plugin calls |
//! | `to_contract`, `from_contract` | the conversion of types |

mod bindings;
mod exports;
mod from_contract;
mod handler;
mod imports;
mod to_contract;

pub(super) use exports::{PreparedSettings, Settings, SettingsWarnings};
pub(super) use from_contract::read_outcome;
pub(super) use handler::HandlerPre;
pub(super) use imports::add_to_linker;
