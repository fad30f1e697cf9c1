//! The host of Ligature: runs a plugin at every login in a fresh sandbox, allows it
//! the look-ups and links that this login entitles it to, and refuses the rest.
//!
//! | room | contents |
//! |---|---|
//! | [`ambient`], [`clock`], [`random`] | time and randomness, handed down to all others |
//! | [`model`] | users, identities and logins, in Auth0's JSON shapes |
//! | [`directory`] | the stores of users, and their journal |
//! | [`transfer`] | import and export of users |
//! | [`guard`] | the limits of a plugin: which look-ups and links it may make |
//! | [`sandbox`] | running plugins, isolated |
//! | [`decide`] | the decision on one login, by policies in order |
//! | [`policies`] | policy documents, and the policies that decide a login |
//! | [`reading`] | reading files that people write, with errors that name the place |
//! | [`harness`] | case files, their reports and snapshots, benches |
//! | [`tenant`] | the HTTP server that is compatible with Auth0's clients |
//! | `scaffold` | creating the project of a new policy |
//! | [`cli`] | the program `ligature` |
//! | [`terminal`] | escaping every text that a person reads |
//!
//! The feature `built-in` embeds the policy `link-users-by-email`. Without it,
//! the program and the tenant are not there.

#![cfg_attr(
    not(feature = "built-in"),
    allow(dead_code, unused_imports, reason = "the program and the tenant use them")
)]
// Every text is printed through `terminal`, which escapes it.
#![warn(clippy::print_stdout, clippy::print_stderr)]
// Time and randomness come from `Ambient`; clippy.toml has the functions.
#![warn(clippy::disallowed_methods)]

pub mod ambient;
#[cfg(feature = "built-in")]
pub mod cli;
pub mod clock;
pub mod decide;
pub mod directory;
pub mod guard;
pub mod harness;
pub mod limits;
pub mod model;
mod password_hash;
pub mod policies;
pub mod random;
pub mod reading;
pub mod sandbox;
#[cfg(feature = "built-in")]
mod scaffold;
#[cfg(feature = "built-in")]
pub mod tenant;
pub mod terminal;
pub mod transfer;

/// The plugin `link-users-by-email`, built with this host.
#[cfg(feature = "built-in")]
pub const PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/link_users_by_email.wasm"));

/// The name of [`PLUGIN`] in messages.
pub const PLUGIN_NAME: &str = "link-users-by-email";
