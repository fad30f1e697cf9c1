//! Where users are kept.

mod memory;

use std::sync::Arc;

use crate::login::{ApiError, LinkRequest, Metadata, Timestamp, User};

pub use memory::Memory;

/// A user and the version it is at.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The user.
    pub user: Arc<User>,
    /// Grows with every change of the user.
    pub version: u64,
}

/// A link, and the versions of both users that it was decided on.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedLink {
    /// What to link.
    pub request: LinkRequest,
    /// The version the primary must be at.
    pub primary_version: u64,
    /// The version the secondary must be at.
    pub secondary_version: u64,
    /// When it happens.
    pub now: Timestamp,
}

/// Users and their identities, with Auth0's semantics of link and unlink.
///
/// # Errors
///
/// Every method answers with an [`ApiError`] where it does not do as asked;
/// nothing has changed then.
pub trait Directory: Send + Sync {
    /// Every user whose root `email` is exactly this address, byte for byte.
    /// Linked identities' addresses do not count.
    ///
    /// Source: Auth0 Management API v2, `GET /api/v2/users-by-email`.
    fn find_by_email(&self, email: &str) -> Result<Vec<Stored>, ApiError>;

    /// One user by its id; `not-found` if there is none, which is so for a user
    /// that has become an identity of another.
    fn get(&self, user_id: &str) -> Result<Stored, ApiError>;

    /// Links two users and writes the metadata in one transaction, if both are
    /// still at the versions given; `state-changed` otherwise. Returns the
    /// primary as it is now.
    ///
    /// Source: Auth0 Management API v2, `POST /api/v2/users/{id}/identities`.
    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError>;

    /// Merges a patch into a user's `app_metadata`, on the first level, if the
    /// user is still at the version given; `state-changed` otherwise.
    ///
    /// Source: Auth0 Management API v2, `PATCH /api/v2/users/{id}`.
    fn patch_app_metadata(&self, user_id: &str, version: u64, patch: &Metadata) -> Result<(), ApiError>;
}
