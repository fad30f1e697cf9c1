//! Termination of a server that is not ready yet.
//!
//! Until the server handles signals itself, a signal would kill the process, or, for the first
//! process of a container, be ignored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::service::termination::wait_for_signal;

/// Handles termination signals until the server is ready: ends the process with success.
pub struct EarlyEnd {
    is_over: Arc<AtomicBool>,
}

impl EarlyEnd {
    /// Starts to listen for termination signals. If the system does not allow it, a signal kills
    /// the process, as it does by default.
    #[must_use]
    pub fn listen() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let listening = std::thread::Builder::new().name("early end".to_owned());
        let (registered, wait) = std::sync::mpsc::channel();
        let _ = listening.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let asked = wait_for_signal();
                let _ = registered.send(());
                asked.await;
            });
            if !over.load(Ordering::Acquire) {
                tracing::info!("ending before it was ready");
                std::process::exit(0);
            }
        });
        let _ = wait.recv();
        Self { is_over }
    }

    /// Stops the handling, because the server now handles signals itself.
    pub(crate) fn is_over(&self) {
        self.is_over.store(true, Ordering::Release);
    }
}
