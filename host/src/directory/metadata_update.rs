//! A change of a user's metadata.

use crate::model::{MetadataPatch, Timestamp};

/// A change of a user's metadata.
#[derive(Debug, Clone, Copy)]
pub struct MetadataUpdate<'a> {
    /// The user's id.
    pub user_id: &'a str,
    /// The version that the user must be at; none for any.
    pub version: Option<u64>,
    /// The patches, which are merged on the first level.
    pub patch: &'a MetadataPatch,
    /// The time of the change.
    pub now: Timestamp,
}
