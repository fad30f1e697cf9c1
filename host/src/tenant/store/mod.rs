//! Stores: values in memory, bounded in bytes, and files in the state folder.

pub(super) mod one_time;
pub(super) mod per_owner;
pub(super) mod state_dir;
pub(super) mod weight;
