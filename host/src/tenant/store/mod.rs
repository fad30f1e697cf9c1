//! Stores: values in memory, bounded in bytes, and files in the state folder.

pub(super) mod bucket_clock;
pub(super) mod expiring;
pub(super) mod one_time;
pub(super) mod per_owner;
pub(super) mod spent_names;
pub(super) mod state_dir;
#[cfg(test)]
pub(super) mod test_clock;
pub(super) mod weight;
