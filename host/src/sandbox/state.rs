//! The host's state for one login, while its plugin runs.

use wasmtime::component::ResourceTable;
use wasmtime::{StoreContextMut, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::cli::{WasiCliCtx, WasiCliCtxView};
use wasmtime_wasi::filesystem::WasiFilesystemCtxView;
use wasmtime_wasi::sockets::WasiSocketsCtxView;

use super::answer_limits::AnswerLimits;
use super::deadline::Deadline;
use super::host_fuel::{HOST_CALL, HostFuel};
use super::output::{Output, PluginOutput};
use super::plugin_log::PluginLog;
use super::resources::ResourceLimits;
use crate::ambient::Ambient;
use crate::limits::Limits;
use crate::model::{HostCalls, Timestamp};

/// The host's state for one login.
pub(super) struct State {
    cli: WasiCliCtx,
    /// The context of the virtual profile; created for a plugin that uses it.
    virtual_wasi: Option<Box<WasiCtx>>,
    pub(super) now: Timestamp,
    pub(super) table: ResourceTable,
    /// The time of the virtual profile's monotonic clock, in nanoseconds.
    pub(super) slept_ns: u64,
    pub(super) random: fastrand::Rng,
    stdout: Option<Output>,
    stderr: Option<Output>,
    output_bytes: usize,
    pub(super) host_fuel: HostFuel,
    /// The most random bytes in one call.
    pub(super) max_random_bytes: usize,
    pub(super) api: Box<dyn HostCalls>,
    pub(super) log: PluginLog,
    pub(super) resources: ResourceLimits,
    pub(super) deadline: Deadline,
    pub(super) host_calls: u32,
    pub(super) answer_limits: AnswerLimits,
}

impl State {
    pub(super) fn new(limits: &Limits, now: Timestamp, api: Box<dyn HostCalls>, ambient: &Ambient) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            cli: WasiCliCtx::default(),
            virtual_wasi: None,
            now,
            table,
            slept_ns: 0,
            random: seeded_random(),
            stdout: None,
            stderr: None,
            output_bytes: limits.output_bytes,
            host_fuel: HostFuel::new(limits.fuel),
            max_random_bytes: limits.random_bytes,
            api,
            log: PluginLog::new(limits),
            resources: ResourceLimits::new(limits),
            deadline: Deadline::start(limits.deadline(), ambient),
            host_calls: 0,
            answer_limits: AnswerLimits::new(limits),
        }
    }

    pub(super) fn table(&mut self) -> &mut ResourceTable {
        self.host_fuel.charge(HOST_CALL);
        &mut self.table
    }

    /// The empty environment, arguments and standard input.
    pub(super) fn cli(&mut self) -> WasiCliCtxView<'_> {
        self.host_fuel.charge(HOST_CALL);
        WasiCliCtxView { ctx: &mut self.cli, table: &mut self.table }
    }

    /// The files and network of the virtual profile: none.
    pub(super) fn virtual_wasi(&mut self) -> VirtualWasi<'_> {
        self.host_fuel.charge(HOST_CALL);
        let ctx = self.virtual_wasi.get_or_insert_with(|| Box::new(empty_wasi()));
        VirtualWasi { ctx, table: &mut self.table }
    }

    pub(super) fn stdout(&mut self) -> Output {
        self.host_fuel.charge(HOST_CALL);
        self.stdout.get_or_insert_with(|| Output::new(self.output_bytes, self.host_fuel.clone())).clone()
    }

    pub(super) fn stderr(&mut self) -> Output {
        self.host_fuel.charge(HOST_CALL);
        self.stderr.get_or_insert_with(|| Output::new(self.output_bytes, self.host_fuel.clone())).clone()
    }

    /// The plugin's standard output and standard error.
    pub(super) fn output(&self) -> PluginOutput {
        let text = |stream: &Option<Output>| stream.as_ref().map(Output::text).unwrap_or_default();
        PluginOutput { stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }

    /// The plugin's standard error with its end, which holds the message of a panic.
    pub(super) fn stderr_with_end(&self) -> String {
        self.stderr.as_ref().map(Output::text_and_end).unwrap_or_default()
    }

    /// Counts a call of the contract, unless the fuel or the time is used up.
    pub(super) fn enter(&mut self, call: &'static str) -> wasmtime::Result<()> {
        self.host_calls += 1;
        self.host_fuel.charge(HOST_CALL);
        self.host_fuel.check()?;
        Ok(self.deadline.check(call)?)
    }
}

/// Checks the host's fuel and the login's deadline. The engine calls it at every
/// tick of its clock, wherever the plugin is. It also ends work that costs no
/// fuel, such as transcoding a text between two parts of a plugin.
pub(super) fn check_at_tick(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data();
    state.host_fuel.check()?;
    state.deadline.check("its own work")?;
    Ok(UpdateDeadline::Continue(1))
}

/// A context without files and without network.
fn empty_wasi() -> WasiCtx {
    WasiCtx::builder().allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).build()
}

/// A generator of the same numbers in every login: a decision must not depend on
/// chance, and a plugin has no secret to keep.
fn seeded_random() -> fastrand::Rng {
    fastrand::Rng::with_seed(0x6c69_6761_7475_7265)
}

/// The contexts of the virtual profile's interfaces.
pub(super) struct VirtualWasi<'a> {
    ctx: &'a mut WasiCtx,
    table: &'a mut ResourceTable,
}

impl<'a> VirtualWasi<'a> {
    pub(super) fn filesystem(self) -> WasiFilesystemCtxView<'a> {
        WasiFilesystemCtxView { ctx: self.ctx.filesystem(), table: self.table }
    }

    pub(super) fn sockets(self) -> WasiSocketsCtxView<'a> {
        WasiSocketsCtxView { ctx: self.ctx.sockets(), table: self.table }
    }
}
