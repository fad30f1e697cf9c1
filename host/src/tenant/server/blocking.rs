//! Work that blocks, kept off the threads that answer requests.

use crate::tenant::state::{Shared, Tenant};

/// Does something that may wait, where that keeps nobody else waiting.
pub(crate) async fn run<T: Send + 'static>(
    tenant: &Shared,
    what: impl FnOnce(&Tenant) -> T + Send + 'static,
) -> T {
    let tenant = tenant.clone();
    match tokio::task::spawn_blocking(move || what(&tenant)).await {
        Ok(done) => done,
        // A panic goes on where it is caught and answered with 500; nothing
        // cancels these tasks.
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}
