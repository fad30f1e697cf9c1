//! Whether logins can be decided, which is when the directory answers a cheap read.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::state::Hook;
use crate::model::{join_lines, mask_addresses};
use crate::service::blocking::run_blocking;
use crate::service::readiness::{TENANT_TIME, ask_directory};

/// The most bytes of a fault in the log.
const LONGEST_FAULT: usize = 500;

/// Answers `GET /readyz`.
pub(super) async fn readyz(State(hook): State<Arc<Hook>>) -> Response {
    let directory = hook.directory.clone();
    match hook.readiness.check(&hook.ambient, move || directory.check(TENANT_TIME)).await {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

/// Warns at the start if the directory cannot be used. The service starts nevertheless: the Action
/// gets its answers, and logins are linked once the directory can be used.
pub(super) async fn warn_at_start(hook: Arc<Hook>) {
    let directory = hook.directory.clone();
    if let Err(why) = ask_directory(move || directory.check(TENANT_TIME)).await {
        let on_failure = hook.logins.on_failure;
        tracing::warn!(%why, ?on_failure, "the directory cannot be used yet, so no login is linked until it can");
        return;
    }
    let directory = hook.directory.clone();
    // The first logins do not wait for it, and its failure is theirs to report.
    for fault in run_blocking(move || directory.find_grant_faults()).await.unwrap_or_default() {
        let fault = join_lines(&mask_addresses(&fault.sentence), LONGEST_FAULT);
        tracing::warn!(fault, "the directory lacks something that logins or an undo need");
    }
}
