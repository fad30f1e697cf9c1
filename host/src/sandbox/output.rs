//! Standard output and standard error of a plugin: kept as far as the limit
//! goes, counted in whole.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// One stream of one login. Clones share it.
#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<Kept>>);

struct Kept {
    text: Vec<u8>,
    limit: usize,
    /// Bytes that were written and not yet charged.
    uncharged: u64,
    dropped: u64,
}

/// Bytes that may be written at once.
const AT_ONCE: usize = 64 << 10;

impl Output {
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept { text: Vec::new(), limit, uncharged: 0, dropped: 0 })))
    }

    /// The bytes written since the last call.
    pub(super) fn take_uncharged(&self) -> u64 {
        std::mem::take(&mut self.lock().uncharged)
    }

    /// The text, as far as it was kept.
    pub(super) fn text(&self) -> String {
        let kept = self.lock();
        let mut text = String::from_utf8_lossy(&kept.text).into_owned();
        if kept.dropped > 0 {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&format!(
                "{} more byte(s) were dropped (the limit is `output_bytes`: {})\n",
                kept.dropped, kept.limit
            ));
        }
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut kept = self.lock();
        let room = kept.limit.saturating_sub(kept.text.len()).min(bytes.len());
        kept.text.extend_from_slice(&bytes[..room]);
        kept.uncharged = kept.uncharged.saturating_add(bytes.len() as u64);
        kept.dropped = kept.dropped.saturating_add((bytes.len() - room) as u64);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}
