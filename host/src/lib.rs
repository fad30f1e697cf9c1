//! The host of Ligature: runs a plugin at every login in a fresh sandbox,
//! gives it the look-ups and links it may have, and refuses the rest.
//!
//! | room | what lives there |
//! |---|---|
//! | [`ambient`], [`clock`], [`random`] | time and randomness, handed down to all others |
//! | [`model`] | users, identities and logins, in Auth0's JSON shapes |
//! | [`directory`] | where users are kept |
//! | [`transfer`] | users in and out of a directory |
//! | [`guard`] | what a plugin may not do |
//! | [`sandbox`] | running plugins |
//! | [`decide`] | one login, from the question to the checked answer |
//! | [`policies`] | policy documents, and the policies that decide a login |
//! | [`reading`] | reading what people write, and saying where it is wrong |
//! | [`harness`] | case files, the printed page, snapshots, benches |
//! | [`tenant`] | the HTTP server that Auth0's clients accept for Auth0 |
//! | `scaffold` | the first files of a policy of one's own |
//! | [`cli`] | the program `ligature` |
//! | [`terminal`] | the way out for every text that a person reads |
//!
//! The feature `built-in` embeds the policy `link-users-by-email`. Without it,
//! the program and the tenant are not there.

#![cfg_attr(
    not(feature = "built-in"),
    allow(dead_code, unused_imports, reason = "the program and the tenant use them")
)]
// Every text leaves through `terminal`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

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

/// What [`PLUGIN`] is called in messages.
pub const PLUGIN_NAME: &str = "link-users-by-email";
