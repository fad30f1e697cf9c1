//! `ligature backfill`: preview, apply, status, undo, suggestions, and their answers to bad input.

mod changed_users;
#[cfg(unix)]
mod disks;
mod exports;
#[cfg(unix)]
mod hanging_runs;
#[path = "../../../tests/backfill/user_base.rs"]
mod known_base;
mod lone_users;
mod narrowing;
#[path = "../place/mod.rs"]
mod place;
mod preview;
mod privileged;
mod refusals;
mod runs;
#[path = "../serving/mod.rs"]
mod serving;
mod shared_runs;
mod sources;
#[path = "../auth0_client/standin.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod standin;
#[cfg(target_os = "linux")]
mod terminals;
mod undoing;
mod user_base;
