//! What the host keeps for one login while its plugin runs.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::cli::{WasiCliCtx, WasiCliCtxView};
use wasmtime_wasi::filesystem::WasiFilesystemCtxView;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::sockets::WasiSocketsCtxView;

use super::wasi;
use crate::limits::Limits;
use crate::login::{ManagementApi, Timestamp};

/// One login's state.
pub(super) struct State {
    cli: WasiCliCtx,
    nothing: Option<Box<WasiCtx>>,
    pub(super) now: Timestamp,
    pub(super) table: ResourceTable,
    /// What the virtual profile's monotonic clock shows, in nanoseconds.
    pub(super) slept_ns: u64,
    pub(super) stderr: MemoryOutputPipe,
    pub(super) api: Box<dyn ManagementApi>,
    pub(super) log: Log,
    pub(super) memory: Memory,
    pub(super) deadline: Deadline,
    pub(super) host_calls: u32,
}

impl State {
    pub(super) fn new(limits: &Limits, now: Timestamp, api: Box<dyn ManagementApi>) -> Self {
        Self {
            cli: WasiCliCtx::default(),
            nothing: None,
            now,
            table: ResourceTable::new(),
            slept_ns: 0,
            stderr: MemoryOutputPipe::new(limits.output_bytes),
            api,
            log: Log {
                lines: Vec::new(),
                dropped: 0,
                max_lines: limits.log_lines,
                max_bytes: limits.log_line_bytes,
            },
            memory: Memory::new(limits),
            deadline: Deadline { at: Instant::now() + limits.deadline(), limit: limits.deadline() },
            host_calls: 0,
        }
    }

    pub(super) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// An environment, arguments and standard input with nothing in them.
    pub(super) fn cli(&mut self) -> WasiCliCtxView<'_> {
        WasiCliCtxView { ctx: &mut self.cli, table: &mut self.table }
    }

    /// What stands behind the virtual profile.
    pub(super) fn nothing(&mut self) -> Nothing<'_> {
        let ctx = self.nothing.get_or_insert_with(|| Box::new(wasi::nothing()));
        Nothing { ctx, table: &mut self.table }
    }

    /// Counts a host call, unless the login's time is up.
    pub(super) fn enter(&mut self, call: &'static str) -> Result<(), Passed> {
        self.host_calls += 1;
        self.deadline.check(call)
    }
}

/// The contexts behind the virtual profile's interfaces.
pub(super) struct Nothing<'a> {
    pub(super) ctx: &'a mut WasiCtx,
    table: &'a mut ResourceTable,
}

impl<'a> Nothing<'a> {
    pub(super) fn filesystem(self) -> WasiFilesystemCtxView<'a> {
        WasiFilesystemCtxView { ctx: self.ctx.filesystem(), table: self.table }
    }

    pub(super) fn sockets(self) -> WasiSocketsCtxView<'a> {
        WasiSocketsCtxView { ctx: self.ctx.sockets(), table: self.table }
    }
}

/// What one login used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Fuel.
    pub fuel: u64,
    /// Linear memory at its largest, in bytes.
    pub memory_bytes: usize,
    /// Calls of the contract's functions, log lines included.
    pub host_calls: u32,
}

/// A plugin's log lines, as many as are kept.
pub(super) struct Log {
    pub(super) lines: Vec<LogLine>,
    pub(super) dropped: usize,
    max_lines: usize,
    max_bytes: usize,
}

/// One log line of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Needed only to follow the plugin's working.
    Debug,
    /// What normally happens.
    Info,
    /// Something odd that did no harm.
    Warn,
    /// Something that did not work.
    Error,
}

impl Log {
    pub(super) fn write(&mut self, level: LogLevel, mut message: String) {
        if self.lines.len() >= self.max_lines {
            self.dropped += 1;
            return;
        }
        if message.len() > self.max_bytes {
            message.truncate(message.floor_char_boundary(self.max_bytes));
            message.push('…');
        }
        self.lines.push(LogLine { level, message });
    }

    /// The lines, and one that tells how many there were beyond the limit.
    pub(super) fn finish(mut self) -> Vec<LogLine> {
        if self.dropped > 0 {
            let message =
                format!("{} more line(s) were dropped: the limit is {}", self.dropped, self.max_lines);
            self.lines.push(LogLine { level: LogLevel::Warn, message });
        }
        self.lines
    }
}

/// When a login's time is up.
pub(super) struct Deadline {
    at: Instant,
    limit: Duration,
}

/// The login's time was up when this was called.
#[derive(Debug, thiserror::Error)]
#[error("the login's {} ms were up in {during}", limit.as_millis())]
pub(super) struct Passed {
    pub(super) limit: Duration,
    pub(super) during: &'static str,
}

impl Deadline {
    pub(super) fn check(&self, during: &'static str) -> Result<(), Passed> {
        if Instant::now() > self.at { Err(Passed { limit: self.limit, during }) } else { Ok(()) }
    }
}

/// Watches what a plugin takes of memory, tables and instances.
pub(super) struct Memory {
    limits: StoreLimits,
    max_bytes: usize,
    used: usize,
    pub(super) peak: usize,
}

/// The plugin wanted more memory than there is for it.
#[derive(Debug, thiserror::Error)]
#[error("out of memory")]
pub(super) struct OutOfMemory;

impl Memory {
    fn new(limits: &Limits) -> Self {
        let store = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .instances(limits.instances)
            .tables(limits.tables)
            .memories(1)
            .build();
        Self { limits: store, max_bytes: limits.memory_bytes, used: 0, peak: 0 }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A trap, not a refusal: what a plugin does without memory it needs is
        // a panic anyway, and this one says why.
        if desired > self.max_bytes {
            return Err(OutOfMemory.into());
        }
        let granted = self.limits.memory_growing(current, desired, maximum)?;
        if granted {
            self.used = self.used.saturating_sub(current).saturating_add(desired);
            self.peak = self.peak.max(self.used);
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}
