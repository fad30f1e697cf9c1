//! Going through every user.

use std::time::{Duration, Instant};

use axum::http::StatusCode;

use super::problem::Problem;
use crate::directory::Stored;
use crate::tenant::Tenant;

/// Users read at a time.
const BATCH: usize = 500;
/// How long one request may go through them.
const PATIENCE: Duration = Duration::from_secs(20);

/// Shows every user, in the directory's order, until `each` has enough.
pub(super) fn each_user(
    tenant: &Tenant,
    mut each: impl FnMut(&Stored) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let (start, mut after) = (Instant::now(), String::new());
    loop {
        let batch = tenant.directory.page(&after, BATCH)?;
        let Some(last) = batch.last() else { return Ok(()) };
        after.clone_from(&last.user.user_id);
        for stored in &batch {
            if !each(stored)? {
                return Ok(());
            }
        }
        if start.elapsed() > PATIENCE {
            let message = "There are too many users to go through in one request.";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, message, "query_timeout"));
        }
    }
}
