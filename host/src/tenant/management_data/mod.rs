//! The data of the Management API that is not in the directory. It is kept for the life of the
//! process.

pub(super) mod exports;
pub(super) mod groups;
pub(super) mod jobs;
pub(super) mod organizations;
pub(super) mod roles;
pub(super) mod spent_proofs;

mod state;

pub(super) use state::{ManagementData, StoredGroup};
