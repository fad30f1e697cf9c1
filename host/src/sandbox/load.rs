//! Loading a plugin: compiled, checked against the contract, and linked.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use super::compile::{Prepared, prepare};
use super::compile_child::{Cancel, prepare_in_child};
use super::compile_note::CompileNote;
use super::engine::Sandbox;
use super::failure::LoadError;
use super::options::Compiler;
use super::plugin::Plugin;
use super::profile::Wasi;
use super::settings::sha256_hex;
use super::state::State;
use super::{v0_1, wasi};
use crate::directory::PluginVersion;

impl Sandbox {
    /// Compiles a plugin and checks that it fits the contract. `name` is its name
    /// in messages.
    ///
    /// # Errors
    ///
    /// When the bytes are not a component, or the component imports something that
    /// is not offered or takes more than the limits allow.
    pub fn load(&self, name: &str, bytes: &[u8]) -> Result<Plugin, LoadError> {
        self.load_unless(name, bytes, &Cancel::default())
    }

    /// Loads a plugin as [`Sandbox::load`] does, unless it is cancelled. Only a
    /// child process is cancelled before its end.
    ///
    /// # Errors
    ///
    /// The same as of [`Sandbox::load`], and [`LoadError::Superseded`].
    pub fn load_unless(&self, name: &str, bytes: &[u8], cancel: &Cancel) -> Result<Plugin, LoadError> {
        let component = self.prepare_unless(bytes, cancel).component?;
        self.link(name, bytes, component)
    }

    /// Loads a trusted plugin, for which no limit of time and memory applies. It is compiled in a
    /// child process where there is one, because a compiler's memory stays with its process; and in
    /// this process if the child fails, or if the cache holds the code.
    ///
    /// # Errors
    ///
    /// The same as of [`Sandbox::load`].
    pub fn load_trusted(&self, name: &str, bytes: &[u8]) -> Result<Plugin, LoadError> {
        let in_child = self.prepare_first_time(bytes);
        let component = match in_child {
            Some(component) => component,
            None => prepare(&self.engine, &self.options, bytes).component?,
        };
        self.link(name, bytes, component)
    }

    /// Compiles a component in a child process, unless the cache is known to hold it. Returns none
    /// if it has to be compiled in this process.
    fn prepare_first_time(&self, bytes: &[u8]) -> Option<Component> {
        let Compiler::Child(program) = &self.options.compiler else { return None };
        let note = CompileNote::find(&self.engine, &self.options, bytes);
        if note.exists() {
            return None;
        }
        let component = prepare_in_child(self, program, bytes, &Cancel::default()).component.ok()?;
        note.write();
        Some(component)
    }

    /// Checks the structure of the component and compiles it.
    pub(super) fn prepare(&self, bytes: &[u8]) -> Prepared<Component> {
        self.prepare_unless(bytes, &Cancel::default())
    }

    pub(super) fn prepare_unless(&self, bytes: &[u8], cancel: &Cancel) -> Prepared<Component> {
        match &self.options.compiler {
            Compiler::InProcess => prepare(&self.engine, &self.options, bytes),
            Compiler::Child(program) => prepare_in_child(self, program, bytes, cancel),
        }
    }

    /// Links a compiled component to the interfaces that the host offers.
    pub(super) fn link(&self, name: &str, bytes: &[u8], component: Component) -> Result<Plugin, LoadError> {
        let wasi = self.options.wasi;
        let pre = link_imports(&self.engine, &component, wasi)?;
        let settings = v0_1::Settings::find_in(&pre).map_err(describe_mismatch)?;
        let warnings = v0_1::SettingsWarnings::find_in(&pre).map_err(describe_mismatch)?;
        let login = v0_1::HandlerPre::new(pre).map_err(describe_mismatch)?;
        Ok(Plugin {
            engine: self.engine.clone(),
            wasi,
            size_bytes: bytes.len(),
            semaphore: self.semaphore.clone(),
            ambient: self.ambient.clone(),
            limits: self.options.limits.clone(),
            version: Arc::new(PluginVersion { name: name.to_owned(), sha256: sha256_hex(bytes) }),
            login,
            settings: settings.map(Arc::new),
            warnings: warnings.map(Arc::new),
            snapshot: None,
        })
    }
}

pub(super) fn describe_mismatch(error: wasmtime::Error) -> LoadError {
    LoadError::Mismatch(format!("{error:#}"))
}

pub(super) fn link_imports(
    engine: &Engine,
    component: &Component,
    profile: Wasi,
) -> Result<InstancePre<State>, LoadError> {
    let mut linker = Linker::<State>::new(engine);
    for interface in wasi::list_interfaces(profile) {
        (interface.link)(&mut linker).map_err(describe_mismatch)?;
    }
    v0_1::add_to_linker(&mut linker).map_err(describe_mismatch)?;
    linker.instantiate_pre(component).map_err(describe_mismatch)
}
