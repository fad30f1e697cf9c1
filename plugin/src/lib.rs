//! Links users by verified e-mail address: a Ligature plugin.
//!
//! [`decide`] is a plain function of the login and the look-up's result: rules in
//! two tables (`rules`), before the look-up and after it. [`carry_out`] makes the
//! look-up and the links. Both run natively in the tests. Only [`bindings`] and
//! `component` know that the plugin is a WebAssembly component.

mod account;
mod address_claim;
#[cfg(any(test, target_family = "wasm"))]
mod arena;
pub mod bindings;
pub mod carry_out;
#[cfg(any(test, target_family = "wasm"))]
mod compare;
#[cfg(target_family = "wasm")]
mod component;
pub mod counterfactual;
pub mod decide;
pub mod email;
mod error_words;
mod json;
pub mod linking_state;
pub mod metadata;
pub mod reason;
mod role_names;
mod rules;
mod situation;
mod trust;
