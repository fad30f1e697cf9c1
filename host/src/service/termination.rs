//! The end of a service: termination signals, and the requests that are still running.

use std::io;
use std::time::Duration;

use axum_server::Handle;
use tokio::task::JoinSet;

use super::listener::Peer;

/// The time limit for running requests at shutdown.
const GRACE: Duration = Duration::from_secs(10);

/// Returns a future that completes on a termination signal. It listens from this call on, not only
/// from the first poll.
pub(crate) fn wait_for_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate())
            .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)))
    };
    async move {
        #[cfg(unix)]
        if let Ok((mut terminate, mut interrupt)) = signals {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            return;
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Runs servers until the process is asked to end or one of them fails. At the end, running
/// requests are completed, for at most [`GRACE`].
pub(crate) async fn run_until_signal(
    mut servers: JoinSet<io::Result<()>>,
    handle: &Handle<Peer>,
    asked_to_end: impl Future<Output = ()>,
) -> io::Result<()> {
    tokio::select! {
        () = asked_to_end => {}
        ended = servers.join_next() => {
            if let Some(Ok(Err(error))) = ended {
                return Err(error);
            }
        }
    }
    tracing::info!("ending: waiting for running requests");
    handle.graceful_shutdown(Some(GRACE));
    while let Some(ended) = servers.join_next().await {
        if let Ok(Err(error)) = ended {
            return Err(error);
        }
    }
    Ok(())
}
