//! Middleware that answers with an injected fault.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::tenant::config::InjectedFault;
use crate::tenant::server::refusal::Envelope;
use crate::tenant::state::Shared;

/// Answers a request with the fault of its route, if there is one, or as usual.
pub(crate) async fn inject(State(tenant): State<Shared>, request: Request, next: Next) -> Response {
    let method = if *request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    let path = request.extensions().get::<MatchedPath>();
    let Some(fault) = path.and_then(|path| tenant.faults.take(method, path.as_str())) else {
        return next.run(request).await;
    };
    let envelope = Envelope::from_request(request.uri().path(), request.headers());
    let delay = Duration::from_millis(fault.delay_ms.into());
    tracing::info!(
        target: "http", method, path = fault.path, status = fault.status, delay_ms = fault.delay_ms,
        "a fault was injected"
    );
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    let Some(status) = status else {
        tokio::time::sleep(delay).await;
        return next.run(request).await;
    };
    if fault.after_effect {
        // The client does not see this answer.
        drop(next.run(request).await);
    }
    tokio::time::sleep(delay).await;
    let code = match status.as_u16() {
        429 => "too_many_requests",
        503 => "temporarily_unavailable",
        500..=599 => "server_error",
        _ => "invalid_request",
    };
    let words = "This answer is an injected fault: GET /dev/faults lists them.".to_owned();
    let mut response = envelope.refuse(status, code, words);
    write_headers(&mut response, &fault, tenant.ambient.since_epoch().as_secs());
    response
}

/// Adds the headers by which clients decide when they try again.
///
/// Source: Auth0, "Rate limit policy": the reset is in seconds since 1970. RFC 9110, 10.2.3.
fn write_headers(response: &mut Response, fault: &InjectedFault, now_s: u64) {
    let headers = response.headers_mut();
    if let Some(408 | 429 | 500..=599) = fault.status {
        headers.insert("retry-after", HeaderValue::from(fault.retry_after_s));
    }
    if fault.status == Some(429) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(fault.times));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
        headers.insert("x-ratelimit-reset", HeaderValue::from(now_s + u64::from(fault.retry_after_s)));
    }
}
