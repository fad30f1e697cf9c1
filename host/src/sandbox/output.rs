//! Standard output and standard error of a plugin: kept as far as the limit
//! goes, counted in whole.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::work::{COPIED_BYTE, Work};

/// One stream of one login. Clones share it.
#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<Kept>>);

struct Kept {
    text: Vec<u8>,
    limit: usize,
    written: u64,
    work: Work,
}

/// Bytes that may be written at once.
const AT_ONCE: usize = 64 << 10;

impl Output {
    /// A stream that keeps so many bytes, and charges for all.
    pub(super) fn new(limit: usize, work: Work) -> Self {
        Self(Arc::new(Mutex::new(Kept { text: Vec::new(), limit, written: 0, work })))
    }

    /// The text, as far as it was kept.
    pub(super) fn text(&self) -> String {
        let kept = self.lock();
        let mut text = String::from_utf8_lossy(&kept.text).into_owned();
        let dropped = kept.written - kept.text.len() as u64;
        if dropped > 0 {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&format!(
                "{dropped} more byte(s) were dropped (the limit is `output_bytes`: {})\n",
                kept.limit
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
        kept.written = kept.written.saturating_add(bytes.len() as u64);
        kept.work.charge((bytes.len() as u64).saturating_mul(COPIED_BYTE));
        kept.work.check().map_err(|spent| StreamError::Trap(spent.into()))
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
