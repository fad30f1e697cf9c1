//! The time limit of a request.
//!
//! A client that does not send its body in time gets 408. If the body was received, the server was
//! too slow, and the client may retry: 503.
//!
//! Source: RFC 9110, 15.5.9 and 15.6.4.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONNECTION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::tenant::server::refusal::Envelope;

/// The time limit of a request, its body included.
pub(crate) const REQUEST: Duration = Duration::from_secs(30);

/// Middleware that aborts a request that takes too long.
pub(crate) async fn limit_time(request: Request, next: Next) -> Response {
    let envelope = Envelope::from_request(request.uri().path(), request.headers());
    let is_received = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let received = is_received.clone();
    let request = request.map(|body| Body::new(TrackedBody { body, is_received: received }));
    if let Ok(response) = tokio::time::timeout(REQUEST, next.run(request)).await {
        return response;
    }
    if !is_received.load(Ordering::Relaxed) {
        // The rest of the body would be parsed as the next request.
        return (StatusCode::REQUEST_TIMEOUT, [(CONNECTION, "close")]).into_response();
    }
    tracing::error!("a request timed out after {} s", REQUEST.as_secs());
    let words = "The tenant is too busy to answer. Try again later.".to_owned();
    envelope.refuse(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", words)
}

/// A body that records that it was received completely.
struct TrackedBody {
    body: Body,
    is_received: Arc<AtomicBool>,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.is_received.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
