//! What the host keeps for one login while its plugin runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::cli::{WasiCliCtx, WasiCliCtxView};
use wasmtime_wasi::filesystem::WasiFilesystemCtxView;
use wasmtime_wasi::sockets::WasiSocketsCtxView;

use super::check::Contract;
use super::output::Output;
use super::wasi;
use super::work::{HOST_CALL, Work};
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::limits::Limits;
use crate::model::{ManagementApi, Timestamp, on_one_line};

/// One login's state.
pub(super) struct State {
    cli: WasiCliCtx,
    nothing: Option<Box<WasiCtx>>,
    pub(super) now: Timestamp,
    pub(super) table: ResourceTable,
    /// The time of the virtual profile's monotonic clock, in nanoseconds.
    pub(super) slept_ns: u64,
    pub(super) random: fastrand::Rng,
    stdout: Option<Output>,
    stderr: Option<Output>,
    output_bytes: usize,
    pub(super) work: Work,
    /// The most random bytes in one call.
    pub(super) random_bytes: usize,
    pub(super) api: Box<dyn ManagementApi>,
    pub(super) log: Log,
    pub(super) memory: Memory,
    pub(super) deadline: Deadline,
    pub(super) host_calls: u32,
    pub(super) contract: Contract,
}

impl State {
    pub(super) fn new(
        limits: &Limits,
        now: Timestamp,
        api: Box<dyn ManagementApi>,
        ambient: &Ambient,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            cli: WasiCliCtx::default(),
            nothing: None,
            now,
            table,
            slept_ns: 0,
            random: wasi::seeded(),
            stdout: None,
            stderr: None,
            output_bytes: limits.output_bytes,
            work: Work::new(limits.fuel),
            random_bytes: limits.random_bytes,
            api,
            log: Log {
                lines: Vec::new(),
                dropped: 0,
                max_lines: limits.log_lines,
                max_bytes: limits.log_line_bytes,
            },
            memory: Memory::new(limits),
            deadline: Deadline::in_time(limits.deadline(), ambient),
            host_calls: 0,
            contract: Contract::of(limits),
        }
    }

    pub(super) fn table(&mut self) -> &mut ResourceTable {
        self.work.charge(HOST_CALL);
        &mut self.table
    }

    /// An environment, arguments and standard input with nothing in them.
    pub(super) fn cli(&mut self) -> WasiCliCtxView<'_> {
        self.work.charge(HOST_CALL);
        WasiCliCtxView { ctx: &mut self.cli, table: &mut self.table }
    }

    /// What stands behind the virtual profile.
    pub(super) fn nothing(&mut self) -> Nothing<'_> {
        self.work.charge(HOST_CALL);
        let ctx = self.nothing.get_or_insert_with(|| Box::new(wasi::nothing()));
        Nothing { ctx, table: &mut self.table }
    }

    pub(super) fn stdout(&mut self) -> Output {
        self.work.charge(HOST_CALL);
        self.stdout.get_or_insert_with(|| Output::new(self.output_bytes, self.work.clone())).clone()
    }

    pub(super) fn stderr(&mut self) -> Output {
        self.work.charge(HOST_CALL);
        self.stderr.get_or_insert_with(|| Output::new(self.output_bytes, self.work.clone())).clone()
    }

    /// The plugin's standard output and standard error.
    pub(super) fn output(&self) -> PluginOutput {
        let text = |stream: &Option<Output>| stream.as_ref().map(Output::text).unwrap_or_default();
        PluginOutput { stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }

    /// Counts a call of the contract, unless fuel or time is up.
    pub(super) fn enter(&mut self, call: &'static str) -> wasmtime::Result<()> {
        self.host_calls += 1;
        self.work.charge(HOST_CALL);
        self.work.check()?;
        Ok(self.deadline.check(call)?)
    }
}

/// At every tick of the engine's clock, wherever the plugin is: fuel for the
/// host's work, and the login's deadline. Work that costs no fuel, such as
/// transcoding a text between two parts of a plugin, is ended by it as well.
pub(super) fn tick(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data();
    state.work.check()?;
    state.deadline.check("its own work")?;
    Ok(UpdateDeadline::Continue(1))
}

/// Standard output and standard error of a plugin, as far as the limits keep
/// them.
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
    /// Whether the plugin wrote nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }
}

/// The contexts behind the virtual profile's interfaces.
pub(super) struct Nothing<'a> {
    ctx: &'a mut WasiCtx,
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
    pub(super) fn write(&mut self, level: LogLevel, message: String) {
        if self.lines.len() >= self.max_lines {
            self.dropped += 1;
            return;
        }
        // A copy: what is cut off of the text itself would keep its room.
        let mut message = on_one_line(&message, self.max_bytes);
        // The limit is on the memory, not only on the text in it.
        message.shrink_to_fit();
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
    ambient: Ambient,
    at: Monotonic,
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
    fn in_time(limit: Duration, ambient: &Ambient) -> Self {
        Self { at: ambient.monotonic() + limit, limit, ambient: ambient.clone() }
    }

    pub(super) fn check(&self, during: &'static str) -> Result<(), Passed> {
        let is_passed = self.ambient.monotonic() > self.at;
        if is_passed { Err(Passed { limit: self.limit, during }) } else { Ok(()) }
    }
}

/// Counts the memory, tables and instances of one login.
pub(super) struct Memory {
    max_bytes: usize,
    max_elements: usize,
    max_instances: usize,
    max_tables: usize,
    max_memories: usize,
    used: usize,
    elements: usize,
    pub(super) peak: usize,
}

/// The plugin wanted more of something than there is for it. A trap, not a
/// refusal: a plugin that does without memory it needs panics anyway, and this
/// tells the limit.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("wanted more than {limit} {what}")]
pub(super) struct BeyondLimit {
    pub(super) what: &'static str,
    pub(super) limit: usize,
    pub(super) key: &'static str,
}

impl Memory {
    fn new(limits: &Limits) -> Self {
        Self {
            max_bytes: limits.memory_bytes,
            max_elements: limits.table_elements,
            max_instances: limits.instances,
            max_tables: limits.tables,
            max_memories: limits.memories,
            used: 0,
            elements: 0,
            peak: 0,
        }
    }
}

/// The sum after one of its parts has grown, if the limit allows it.
fn grown(sum: usize, current: usize, desired: usize, limit: usize) -> Option<usize> {
    let grown = sum.saturating_sub(current).saturating_add(desired);
    (grown <= limit).then_some(grown)
}

impl ResourceLimiter for Memory {
    // The limit comes before the maximum: the pool's memories and tables have a
    // maximum that those on demand do not have.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.max_bytes;
        let beyond = BeyondLimit { what: "bytes of memory", limit, key: "memory_bytes" };
        let used = grown(self.used, current, desired, limit).ok_or(beyond)?;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.used = used;
        self.peak = self.peak.max(self.used);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.max_elements;
        let beyond = BeyondLimit { what: "table elements", limit, key: "table_elements" };
        let elements = grown(self.elements, current, desired, limit).ok_or(beyond)?;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.max_instances
    }

    fn tables(&self) -> usize {
        self.max_tables
    }

    fn memories(&self) -> usize {
        self.max_memories
    }
}
