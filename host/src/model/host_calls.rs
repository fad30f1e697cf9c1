//! The host calls that a plugin can make during a login.

use std::any::Any;
use std::sync::Arc;

use super::{ApiError, LinkRequest, Metadata, User};

/// The host calls of one login.
///
/// # Errors
///
/// Every method returns an [`ApiError`] if it fails. Nothing has changed then.
pub trait HostCalls: Any + Send {
    /// Returns every user whose root `email` is this address, except the login's own
    /// user. The case of ASCII letters is ignored if the directory ignores it.
    fn find_by_email(&mut self, email: &str) -> Result<Vec<Arc<User>>, ApiError>;

    /// Returns whether [`HostCalls::find_by_email`] ignores the case of ASCII letters.
    /// The call is not charged as a look-up.
    fn ignores_case(&mut self) -> bool;

    /// Returns one user by id.
    fn get(&mut self, user_id: &str) -> Result<Arc<User>, ApiError>;

    /// Returns the login's event, as a plugin may see it.
    fn event_context(&mut self) -> Metadata;

    /// Returns the login's own user, or a user that a look-up has returned, in the
    /// version that the plugin saw last.
    fn last_seen(&mut self, user_id: &str) -> Result<Arc<User>, ApiError>;

    /// Links two users and writes the metadata, atomically. Returns the primary as it
    /// is now.
    fn link(&mut self, request: LinkRequest) -> Result<Arc<User>, ApiError>;

    /// Records and returns the refusal of a link request that is malformed or breaks
    /// the contract.
    fn reject_link(&mut self, primary: &str, secondary: &str, why: String) -> ApiError;
}
