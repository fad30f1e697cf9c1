//! `ARCHITECTURE.md`, `CONTRIBUTING.md` and `docs/glossary.md` agree with the code.

#![allow(clippy::unwrap_used, reason = "a suite: what is unexpected fails it")]

mod circles;
mod names;
mod rooms;
mod sources;
