//! Reading every user of the directory.

use std::time::Duration;

use axum::http::StatusCode;

use crate::directory::Stored;
use crate::tenant::management::problem::Problem;
use crate::tenant::state::Tenant;

/// The longest time that one request may spend on reading users.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls `each` with every user, as all users are at one moment, in the directory's order.
/// Stops when `each` returns false or fails.
pub(super) fn each_user(
    tenant: &Tenant,
    mut each: impl FnMut(&Stored) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let (start, mut problem) = (tenant.ambient.monotonic(), None);
    tenant.directory.each_user(&mut |stored| {
        if tenant.ambient.elapsed(start) > PATIENCE {
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
