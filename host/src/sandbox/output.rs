//! Standard output and standard error of a plugin: kept up to a limit, charged in
//! full.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::host_fuel::{COPIED_BYTE, HostFuel};

/// One output stream of one login. Clones share its text.
#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<KeptOutput>>);

struct KeptOutput {
    text: Vec<u8>,
    limit: usize,
    written: u64,
    /// The last bytes that were dropped, up to [`END`].
    end: Vec<u8>,
    host_fuel: HostFuel,
}

/// The bytes at the end of a long output that are kept for the message of a panic.
const END: usize = 2 << 10;

/// The most bytes of one write.
const MAX_WRITE: usize = 64 << 10;

impl Output {
    /// Creates a stream that keeps up to `limit` bytes and charges for every one.
    pub(super) fn new(limit: usize, host_fuel: HostFuel) -> Self {
        Self(Arc::new(Mutex::new(KeptOutput {
            text: Vec::new(),
            limit,
            written: 0,
            end: Vec::new(),
            host_fuel,
        })))
    }

    /// The text that was kept, and the number of bytes that were dropped.
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

    /// The text that was kept, with the end of the text that was dropped.
    pub(super) fn text_and_end(&self) -> String {
        let kept = self.lock();
        let mut text = String::from_utf8_lossy(&kept.text).into_owned();
        if !kept.end.is_empty() {
            text.push('\n');
            text.push_str(&String::from_utf8_lossy(&kept.end));
        }
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, KeptOutput> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut kept = self.lock();
        let room = kept.limit.saturating_sub(kept.text.len()).min(bytes.len());
        let (first, dropped) = bytes.split_at(room);
        kept.text.extend_from_slice(first);
        kept.end.extend_from_slice(&dropped[dropped.len().saturating_sub(END)..]);
        let surplus = kept.end.len().saturating_sub(END);
        kept.end.drain(..surplus);
        kept.written = kept.written.saturating_add(bytes.len() as u64);
        kept.host_fuel.charge((bytes.len() as u64).saturating_mul(COPIED_BYTE));
        kept.host_fuel.check().map_err(|spent| StreamError::Trap(spent.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

/// Standard output and standard error of a plugin, each up to the limit
/// `output_bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PluginOutput {
    /// Standard output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdout: String,
    /// Standard error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
}

impl PluginOutput {
    /// Returns whether the plugin wrote nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }
}
