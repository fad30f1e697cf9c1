//! Reading every user of the directory.

use std::time::Duration;

use axum::http::StatusCode;

use crate::directory::{Administration, Stored};
use crate::tenant::management::problem::Problem;

/// The longest time that one request may spend on reading users.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls `each` with every user, as all users are at one moment, in the directory's order.
/// Stops when `each` returns false or fails.
pub(super) fn each_user(
    directory: &dyn Administration,
    mut each: impl FnMut(&Stored) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let ambient = directory.ambient();
    let (start, mut problem) = (ambient.monotonic(), None);
    directory.each_user(&mut |stored| {
        if ambient.elapsed(start) > PATIENCE {
            let message = "There are too many users to go through in one request.";
            problem = Some(Problem::new(StatusCode::SERVICE_UNAVAILABLE, message, "query_timeout"));
            return false;
        }
        each(stored).unwrap_or_else(|why| {
            problem = Some(why);
            false
        })
    })?;
    problem.map_or(Ok(()), Err)
}
