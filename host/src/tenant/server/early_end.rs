//! The end of a server that is not ready yet.
//!
//! Until the server listens to signals itself, the system would end the process by
//! the signal, or, for the first process of a container, ignore it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the process well when it is asked to end, until it is ready.
pub struct EarlyEnd {
    is_over: Arc<AtomicBool>,
}

impl EarlyEnd {
    /// Listens from now on. Where the system does not let it, the process ends by the
    /// signal, as before.
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
                let asked = crate::tenant::server::serve::asked_to_end();
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

    /// The server listens by itself.
    pub(crate) fn is_over(&self) {
        self.is_over.store(true, Ordering::Release);
    }
}
