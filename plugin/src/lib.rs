//! Links users by verified e-mail address: a Ligature plugin.
//!
//! [`decide`] is a plain function over what the host was asked: 29 rules in one
//! table (`rules`), over what is known (`situation`). [`carry_out`] does what it
//! says. Both run natively in the tests. Only [`bindings`] and
//! `component` know that the plugin is a WebAssembly component.

mod account;
pub mod bindings;
pub mod carry_out;
#[cfg(target_family = "wasm")]
mod component;
pub mod counterfactual;
pub mod decide;
pub mod email;
mod json;
pub mod linking_state;
pub mod metadata;
pub mod reason;
mod role_names;
mod rules;
mod situation;
mod trust;
