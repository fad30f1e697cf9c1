//! Ending between two links when a person or the system asks for it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::anyhow;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::cli::Exit;

/// Returns a flag that Ctrl-C and SIGTERM set. A second signal ends the process at once.
pub(super) fn stop_on_signals() -> Result<Arc<AtomicBool>, Exit> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let handled = flag::register_conditional_shutdown(signal, 130, stop.clone())
            .and_then(|_| flag::register(signal, stop.clone()));
        handled.map_err(|error| Exit::failed(anyhow!("signals cannot be handled: {error}")))?;
    }
    Ok(stop)
}
