//! `ligature backfill`: preview, apply, status, undo, suggestions, and their answers to bad input.

#[path = "../place/mod.rs"]
mod place;
mod preview;
mod refusals;
mod runs;
mod user_base;
