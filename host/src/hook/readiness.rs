//! Whether logins can be decided, which is when the directory answers a cheap read.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::state::{Hook, Readiness, ReadinessCheck};
use crate::model::{join_lines, mask_addresses};
use crate::service::blocking::run_blocking;

/// The time limit of the directory's answer.
const TIME: Duration = Duration::from_secs(2);
/// The part of it for a tenant, whose error then names the cause.
const TENANT_TIME: Duration = Duration::from_millis(1_800);
/// The time for which a result is kept: anybody can ask, and a check costs a tenant a request.
const KEPT: Duration = Duration::from_secs(2);
/// The most bytes of a cause.
const LONGEST_CAUSE: usize = 500;

/// Answers `GET /readyz`.
pub(super) async fn readyz(State(hook): State<Arc<Hook>>) -> Response {
    // A task of its own: a client that hangs up does not end the turn of a check.
    let why = match tokio::spawn(check(hook)).await {
        Ok(Ok(())) => return "ready\n".into_response(),
        Ok(Err(why)) => why,
        Err(_) => "the check failed".into(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response()
}

/// Warns at the start if the directory cannot be used. The service starts nevertheless: the Action
/// gets its answers, and logins are linked once the directory can be used.
pub(super) async fn warn_at_start(hook: Arc<Hook>) {
    if let Err(why) = check_directory(&hook).await {
        let on_failure = hook.logins.on_failure;
        tracing::warn!(%why, ?on_failure, "the directory cannot be used yet, so no login is linked until it can");
        return;
    }
    let directory = hook.directory.clone();
    // The first logins do not wait for it, and its failure is theirs to report.
    for fault in run_blocking(move || directory.find_grant_faults()).await.unwrap_or_default() {
        let fault = join_lines(&mask_addresses(&fault.sentence), LONGEST_CAUSE);
        tracing::warn!(fault, "the directory lacks something that logins or an undo need");
    }
}

/// Checks the directory once at a time, and once in two seconds. The requests of that time share the
/// result, so that however many there are, they take no threads from logins, and few requests of
/// what the tenant allows.
async fn check(hook: Arc<Hook>) -> Readiness {
    let mut last_check = hook.last_check.lock().await;
    if let Some(check) = last_check.as_ref().filter(|check| hook.ambient.elapsed(check.began) < KEPT) {
        return check.readiness.clone();
    }
    let began = hook.ambient.monotonic();
    let readiness = check_directory(&hook).await;
    if let Err(why) = &readiness {
        tracing::warn!(%why, "not ready: the directory failed");
    }
    *last_check = Some(ReadinessCheck { began, readiness: readiness.clone() });
    readiness
}

async fn check_directory(hook: &Hook) -> Readiness {
    let directory = hook.directory.clone();
    let checked = run_blocking(move || directory.check(TENANT_TIME));
    match tokio::time::timeout(TIME, checked).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(join_lines(&mask_addresses(&error.to_sentence()), LONGEST_CAUSE).into()),
        Err(_) => Err(format!("the directory does not answer within {} s", TIME.as_secs()).into()),
    }
}
