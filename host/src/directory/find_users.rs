//! Finding users by what a person knows of them.

use std::sync::Arc;

use super::operations::Administration;
use crate::model::{ApiError, User};

/// Finds users by identity, by address, or by the beginning of the id, whichever matches first, at
/// most `limit`.
///
/// # Errors
///
/// If the directory fails.
pub fn find_users(
    directory: &dyn Administration,
    query: &str,
    limit: usize,
) -> Result<Vec<Arc<User>>, ApiError> {
    if let Some(holder) = directory.holder(query)? {
        return Ok(vec![holder.user]);
    }
    let by_address = directory.find_by_both_cases(query, limit)?;
    if !by_address.is_empty() {
        return Ok(by_address.into_iter().map(|stored| stored.user).collect());
    }
    let beginning = query.trim_end_matches('…');
    if beginning.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids = directory.user_ids(beginning, limit)?;
    ids.sort();
    ids.iter().map(|id| directory.get(id).map(|stored| stored.user)).collect()
}
