//! The snapshot of a plugin that has read its policy document.
//!
//! Otherwise every login reads the document again. A plugin that exports `prepared-settings` reads it
//! once, and Wizer writes a component whose memories and globals begin as they are then.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmparser::{CanonicalFunction, Parser, Payload};
use wasmtime::component::{Component, Instance, Lift, WasmList};
use wasmtime::{Engine, Store};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::compile::ComponentBytes;
use super::compile_child::Cancel;
use super::engine::Sandbox;
use super::failure::{Failure, LoadError};
use super::kept_code::Components;
use super::load::{describe_mismatch, link_imports};
use super::messages::shorten;
use super::plugin::{NoLogin, Plugin, SettingsSnapshot};
use super::post_return::remove_post_returns;
use super::settings::{Settings, sha256_hex};
use super::state::State;
use super::v0_1;
use crate::model::Timestamp;

/// The reason why a plugin has no snapshot of its policy document. Each login reads the document then.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The component uses instructions whose effect a snapshot would lose.
    #[error("cannot be kept as a snapshot: {0}")]
    Unsupported(String),
    /// The component with the snapshot, or the one that it is taken of, does not load.
    #[error("has a snapshot that {0}")]
    Load(#[from] LoadError),
    /// The plugin failed.
    #[error("{0} when it read its policy document")]
    Failed(Failure),
    /// The plugin has refused the document.
    #[error("did not read its policy document: {0}")]
    Refused(String),
    /// The plugin has called the host.
    #[error("called the host when it read its policy document")]
    HostCalled,
}

impl Sandbox {
    /// Lets a plugin read a policy document now instead of at every login. `bytes` is the component
    /// that the plugin was loaded from. Returns none if the plugin does not offer it.
    ///
    /// # Errors
    ///
    /// When there is no snapshot. The plugin that was passed in still reads the document at each login.
    pub fn prepare_settings(
        &self,
        plugin: &Plugin,
        bytes: &[u8],
        settings: &Settings,
        cancel: &Cancel,
    ) -> Result<Option<Plugin>, SnapshotError> {
        let offered = v0_1::PreparedSettings::find_in(plugin.linked[0].login.instance_pre());
        if offered.map_err(describe_mismatch)?.is_none() {
            return Ok(None);
        }
        if !Engine::same(plugin.engines.compiler(), self.engines.compiler()) {
            return Err(SnapshotError::Unsupported("another sandbox has loaded it".to_owned()));
        }
        check_parts(bytes)?;
        let snapshot = self.take_snapshot(plugin, bytes, settings, cancel)?;
        // A compiler in this process cannot be cancelled.
        if cancel.is_cancelled() {
            return Err(LoadError::Superseded.into());
        }
        let components = self.compile_snapshot(&snapshot, cancel)?;
        let login = |component| {
            let pre = link_imports(component, self.options.wasi)?;
            v0_1::HandlerPre::new(pre).map_err(describe_mismatch)
        };
        let logins = components.iter().map(login).collect::<Result<_, _>>()?;
        let snapshot = SettingsSnapshot { settings_sha256: settings.sha256().clone(), logins };
        Ok(Some(Plugin { snapshot: Some(snapshot), ..plugin.clone() }))
    }

    /// Compiles a component that Wizer has written, unless its code is kept.
    fn compile_snapshot(&self, bytes: &[u8], cancel: &Cancel) -> Result<Components, LoadError> {
        let component = ComponentBytes { bytes, sha256: &sha256_hex(bytes) };
        self.prepare(component, &self.kept_code.of_snapshots(), cancel).component
    }

    /// Returns the component with the document in its memory.
    fn take_snapshot(
        &self,
        plugin: &Plugin,
        bytes: &[u8],
        settings: &Settings,
        cancel: &Cancel,
    ) -> Result<Vec<u8>, SnapshotError> {
        let unsupported = |error: wasmtime::Error| SnapshotError::Unsupported(format!("{error:#}"));
        let mut wizer = Wizer::new();
        // The contract names the function that reads the document, and a component keeps it.
        wizer.keep_init_func(true);
        let instrumented = catch_panic(|| wizer.instrument_component(bytes))?;
        let (parts, instrumented) = instrumented.map_err(unsupported)?;
        let components = self.compile_snapshot(&instrumented, cancel)?;
        let place = plugin.engines.wait_for_place();
        let mut prepared = PreparedInstance::new(plugin, &components[place.engine()], settings)?;
        let snapshot = catch_panic(|| finish_at_once(wizer.snapshot_component(&parts, &mut prepared)))?;
        match (prepared.failed, snapshot) {
            (Some(error), _) | (None, Some(Err(error))) => Err(unsupported(error)),
            (None, None) => Err(SnapshotError::Unsupported("it waits".to_owned())),
            (None, Some(Ok(snapshot))) => {
                Ok(catch_panic(|| remove_post_returns(&snapshot))?.unwrap_or(snapshot))
            }
        }
    }
}

/// Refuses a component whose snapshot would lack a part of its state.
fn check_parts(bytes: &[u8]) -> Result<(), SnapshotError> {
    let unsupported = |why: &str| Err(SnapshotError::Unsupported(why.to_owned()));
    let (mut has_state, mut has_exports) = (false, true);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| SnapshotError::Unsupported(error.to_string()))? {
            Payload::ModuleSection { .. } => (has_state, has_exports) = (false, false),
            Payload::MemorySection(_) | Payload::GlobalSection(_) => has_state = true,
            Payload::ExportSection(_) => has_exports = true,
            // Wizer reads the state of a module by further exports, which it adds to the others.
            Payload::End(_) if has_state && !has_exports => {
                return unsupported("a module in it has a memory or a global and exports nothing");
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    // The handle would not exist in the snapshot.
                    if let Ok(CanonicalFunction::ResourceNew { .. }) = function {
                        return unsupported("it has resources of its own");
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the result of a function of Wizer, which panics for some components that it does not
/// support.
fn catch_panic<T>(function: impl FnOnce() -> T) -> Result<T, SnapshotError> {
    // Nothing that the function has changed is used after a panic.
    std::panic::catch_unwind(AssertUnwindSafe(function))
        .map_err(|_| SnapshotError::Unsupported("Wizer has failed".to_owned()))
}

/// Returns the result of a future that never waits.
fn finish_at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

/// The memory that reading the instance's memories needs beyond their own, in bytes: the function
/// that returns one writes its address and length into a new page.
const READING: usize = 1 << 20;

/// The most runs of bytes between zeros in a memory. Wizer holds each in a record several times as
/// long.
const MAX_RUNS: usize = 200_000;

/// An instance that has read the document.
struct PreparedInstance {
    store: Store<State>,
    instance: Instance,
    /// The memories that were read. Reading changes them, so that each is read once.
    memories: HashMap<String, Vec<u8>>,
    /// The first error. The trait has no place for it.
    failed: Option<wasmtime::Error>,
}

impl PreparedInstance {
    fn new(plugin: &Plugin, component: &Component, settings: &Settings) -> Result<Self, SnapshotError> {
        let pre = link_imports(component, plugin.wasi)?;
        let exported = v0_1::PreparedSettings::find_in(&pre).map_err(describe_mismatch)?;
        let exported =
            exported.ok_or_else(|| SnapshotError::Unsupported("its function is gone".to_owned()))?;
        let mut store = plugin.new_store(component.engine(), Timestamp::default(), Box::new(NoLogin));
        let instance = pre.instantiate(&mut store);
        let prepared = instance.and_then(|instance| {
            exported.prepare(&instance, &mut store, settings.text()).map(|prepared| (instance, prepared))
        });
        let (instance, prepared) =
            prepared.map_err(|error| SnapshotError::Failed(plugin.explain(&error, &store)))?;
        prepared.map_err(|message| SnapshotError::Refused(shorten(&message)))?;
        // A handle that the plugin got would not exist in later instances, and the time was not that of
        // a login.
        if store.data().host_fuel.spent() != 0 {
            return Err(SnapshotError::HostCalled);
        }
        store.set_hostcall_fuel(usize::MAX);
        store.data_mut().resources.allow_more(READING);
        Ok(Self { store, instance, memories: HashMap::new(), failed: None })
    }

    /// Calls a function that the instrumented component exports.
    fn call<R: Lift + 'static>(&mut self, instance: &str, function: &str) -> wasmtime::Result<R> {
        let missing = || wasmtime::format_err!("{instance}#{function} is missing");
        let store = &mut self.store;
        let (_, instance) = self.instance.get_export(&mut *store, None, instance).ok_or_else(missing)?;
        let function = self.instance.get_export_index(&mut *store, Some(&instance), function);
        let function = function.ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *store, function)?;
        function.call(store, ()).map(|(result,)| result)
    }

    fn read<R: Lift + Default + 'static>(&mut self, instance: &str, function: &str) -> R {
        self.call(instance, function).unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            R::default()
        })
    }

    fn read_memory(&mut self, instance: &str, function: &str) -> wasmtime::Result<Vec<u8>> {
        let list = self.call::<WasmList<u8>>(instance, function)?;
        let bytes = list.as_le_slice(&self.store);
        let begins = |pair: &&[u8]| pair[0] == 0 && pair[1] != 0;
        if bytes.windows(2).filter(begins).count() > MAX_RUNS {
            return Err(wasmtime::format_err!("its memory holds more than {MAX_RUNS} runs of bytes"));
        }
        Ok(bytes.to_owned())
    }
}

impl ComponentInstanceState for PreparedInstance {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        function: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        if !self.memories.contains_key(function) {
            let bytes = self.read_memory(instance, function).unwrap_or_else(|error| {
                self.failed.get_or_insert(error);
                Vec::new()
            });
            self.memories.insert(function.to_owned(), bytes);
        }
        contents(&self.memories[function]);
    }

    async fn call_func_ret_s32(&mut self, instance: &str, function: &str) -> i32 {
        self.read(instance, function)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, function: &str) -> i64 {
        self.read(instance, function)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, function: &str) -> u32 {
        self.read::<f32>(instance, function).to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, function: &str) -> u64 {
        self.read::<f64>(instance, function).to_bits()
    }
}
