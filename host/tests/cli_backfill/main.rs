//! `ligature backfill`: preview, apply, status, undo, suggestions, and their answers to bad input.

#[path = "../place/mod.rs"]
mod place;
#[path = "../serving/mod.rs"]
mod serving;
#[path = "../auth0_client/standin.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod standin;

#[cfg(unix)]
mod disks;
mod exports;
#[path = "../../../tests/backfill/user_base.rs"]
mod known_base;
mod preview;
mod refusals;
mod runs;
mod shared_runs;
mod sources;
#[cfg(target_os = "linux")]
mod terminals;
mod undoing;
mod user_base;
