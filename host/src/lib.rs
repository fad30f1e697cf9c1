//! The host of Ligature: runs a plugin at every login in a fresh sandbox, allows it
//! the look-ups and links that this login entitles it to, and refuses the rest.
//!
//! | room | contents |
//! |---|---|
//! | [`ambient`], [`clock`], [`random`] | time and randomness, handed down to all others |
//! | [`model`] | users, identities and logins, in Auth0's JSON shapes |
//! | [`auth0`] | the client of Auth0's Management API |
//! | [`directory`] | the stores of users, and their journal |
//! | [`transfer`] | import and export of users |
//! | [`backfill`] | previewing which accounts with one address would be linked |
//! | [`guard`] | the limits of a plugin: which look-ups and links it may make |
//! | [`sandbox`] | running plugins, isolated |
//! | [`decide`] | the decision on one login, by policies in order |
//! | [`policies`] | policy documents, and the policies that decide a login |
//! | [`reading`] | reading files that people write, with errors that name the place |
//! | [`recording`] | recording logins, and deciding them again without a directory |
//! | [`harness`] | case files, their reports and snapshots, benches |
//! | [`hook`] | the HTTP service that a post-login Action asks |
//! | [`console`] | the pages on which operators see users and links, merge and undo |
//! | [`service`] | the parts that HTTP services share |
//! | [`tenant`] | the HTTP server that is compatible with Auth0's clients |
//! | `scaffold` | creating the project of a new policy |
//! | [`cli`] | the program `ligature` |
//! | [`terminal`] | escaping every text that a person reads |
//!
//! The rooms without a feature are the core. The others come with cargo features:
//!
//! | feature | what it adds |
//! |---|---|
//! | `auth0` | [`auth0`] |
//! | `sqlite`, `postgres` | directories in a database |
//! | `transfer` | [`transfer`] |
//! | `backfill` | [`backfill`] |
//! | `tenant` | [`tenant`] |
//! | `cli` | [`cli`] and the program `ligature` |
//! | `serve` | the command `ligature serve` |
//! | `hook` | [`hook`] |
//! | `hook-command` | the command `ligature hook` |
//! | `built-in` | [`PLUGIN`]: the built-in policy `link-users-by-email`, compiled into the library |
//!
//! All of them are on unless `default-features` is `false`.

// Each item is used by some feature; the build with all features, which is the
// default, finds those that none uses.
#![cfg_attr(
    not(all(
        feature = "auth0",
        feature = "backfill",
        feature = "hook-command",
        feature = "serve",
        feature = "sqlite",
        feature = "postgres"
    )),
    allow(dead_code, unused_imports, reason = "features that are off use it")
)]
// Every text is printed through `terminal`, which escapes it.
#![warn(clippy::print_stdout, clippy::print_stderr)]
// Time and randomness come from `Ambient`; clippy.toml has the functions.
#![warn(clippy::disallowed_methods)]

pub mod ambient;
#[cfg(feature = "auth0")]
pub mod auth0;
#[cfg(feature = "backfill")]
pub mod backfill;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
#[cfg(feature = "_service")]
pub mod console;
pub mod decide;
pub mod directory;
pub mod guard;
pub mod harness;
#[cfg(feature = "hook")]
pub mod hook;
pub mod limits;
pub mod merge;
pub mod model;
#[cfg(feature = "hook")]
mod oidc;
#[cfg(feature = "transfer")]
mod password_hash;
pub mod policies;
pub mod random;
pub mod reading;
pub mod recording;
pub mod sandbox;
#[cfg(feature = "cli")]
mod scaffold;
#[cfg(feature = "_service")]
pub mod service;
#[cfg(feature = "tenant")]
pub mod tenant;
pub mod terminal;
#[cfg(feature = "transfer")]
pub mod transfer;

pub use policies::PLUGIN_NAME;
#[cfg(feature = "built-in")]
pub use policies::{BUILT_IN, PLUGIN};
