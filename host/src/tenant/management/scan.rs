//! Going through every user.

use std::time::Duration;

use axum::http::StatusCode;

use crate::directory::Stored;
use crate::tenant::management::problem::Problem;
use crate::tenant::state::Tenant;

/// How long one request may go through them.
const PATIENCE: Duration = Duration::from_secs(20);

/// Shows every user as it is at one moment, in the directory's order, until `each`
/// has enough.
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
