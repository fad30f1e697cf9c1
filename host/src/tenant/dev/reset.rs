//! `POST /dev/reset`: the tenant becomes as it was at its start.

use std::sync::Arc;

use axum::Extension;
use axum::http::StatusCode;
use axum::http::header::ALLOW;
use axum::response::{IntoResponse, Response};
use tokio::sync::Mutex;

use crate::model::{ApiError, mask_addresses};
use crate::service::blocking::run_blocking;
use crate::tenant::dev::refusal::{is_from_another_site, refuse};
use crate::tenant::http::html;
use crate::tenant::http::visit::Visit;

/// The function that resets the tenant.
#[derive(Clone)]
pub(crate) struct Reset {
    /// Held during a reset.
    turn: Arc<Mutex<()>>,
    reset: Arc<dyn Fn() -> Result<(), ResetError> + Send + Sync>,
}

/// The reason why the tenant is not reset.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResetError {
    /// The users are in a database.
    #[error(
        "The directory of this tenant is a database, and a reset would delete its users. Only users in memory are \
         reset: start `ligature serve` without --directory."
    )]
    Database,
    /// The users of the configuration cannot be created.
    #[error("The users of the configuration could not be created again: {0}")]
    Seed(ApiError),
}

impl Reset {
    pub(crate) fn new(
        turn: Arc<Mutex<()>>,
        reset: impl Fn() -> Result<(), ResetError> + Send + Sync + 'static,
    ) -> Self {
        Self { turn, reset: Arc::new(reset) }
    }

    /// Resets the tenant. A request waits for its turn without a thread, and no longer than its client.
    async fn run(self) -> Result<(), ResetError> {
        let turn = self.turn.lock_owned().await;
        run_blocking(move || {
            let _turn = turn;
            (self.reset)()
        })
        .await
    }
}

/// Explains to a browser how the tenant is reset.
pub(crate) async fn explain(visit: Visit<()>) -> Response {
    let words = format!("Only POST resets the tenant: curl -X POST {}dev/reset", visit.issuer);
    let answer = if html::wants_page(&visit.headers) {
        html::error_page(StatusCode::METHOD_NOT_ALLOWED, &words)
    } else {
        refuse(StatusCode::METHOD_NOT_ALLOWED, &words)
    };
    ([(ALLOW, "POST")], answer).into_response()
}

/// Resets the tenant. Answers 204 once the new users are there.
pub(crate) async fn reset(visit: Visit<()>, Extension(reset): Extension<Reset>) -> Response {
    if is_from_another_site(&visit) {
        return refuse(StatusCode::FORBIDDEN, "Pages of other origins cannot reset this tenant.");
    }
    match reset.run().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            let status = match error {
                ResetError::Database => StatusCode::CONFLICT,
                ResetError::Seed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            tracing::warn!(target: "audit", why = %mask_addresses(&error.to_string()), "a reset was refused");
            refuse(status, &error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::sync::Mutex;

    use super::Reset;

    #[tokio::test]
    async fn a_reset_whose_client_hangs_up_before_its_turn_is_not_done() {
        let (turn, done) = (Arc::new(Mutex::new(())), Arc::new(AtomicU32::new(0)));
        let count = done.clone();
        let reset = Reset::new(turn.clone(), move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let other = turn.lock().await;
        let hung_up = tokio::time::timeout(Duration::from_millis(20), reset.clone().run()).await;
        assert!(hung_up.is_err());
        drop(other);
        assert!(reset.run().await.is_ok());
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}
