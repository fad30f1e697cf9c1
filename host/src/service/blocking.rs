//! Work that blocks its thread.

/// Runs blocking work on tokio's blocking pool.
pub(crate) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // A layer of the router catches the panic and responds with 500. Nothing cancels
        // these tasks.
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}
