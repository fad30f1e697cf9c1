//! Links users by verified e-mail address: a Ligature plugin.
//!
//! [`decide`] is a plain function over what the host was asked; [`carry_out`]
//! does what it says. Both run natively in the tests. Only [`bindings`] and
//! `component` know that the plugin is a WebAssembly component.

pub mod bindings;
pub mod carry_out;
#[cfg(target_family = "wasm")]
mod component;
pub mod decide;
pub mod metadata;
pub mod reason;
