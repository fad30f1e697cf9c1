//! Loading a plugin: compiled, checked against the contract, and linked.

use std::sync::Arc;

use wasmtime::component::{Component, InstancePre, Linker};

use super::compile::{ComponentBytes, Prepared, check, compile};
use super::compile_child::{Cancel, ChildCompiler};
use super::engine::Sandbox;
use super::failure::LoadError;
use super::kept_code::{Components, KeptCode};
use super::options::Compiler;
use super::plugin::{Linked, Plugin};
use super::profile::Wasi;
use super::settings::sha256_hex;
use super::state::State;
use super::trusted::TrustedComponent;
use super::{v0_1, wasi};
use crate::directory::PluginVersion;

impl Sandbox {
    /// Compiles a plugin and checks that it fits the contract. `name` is its name
    /// in messages. The code of a plugin that is loaded already is used again.
    ///
    /// # Errors
    ///
    /// When the bytes are not a component, or the component imports something that
    /// is not offered or takes more than the limits allow.
    pub fn load(&self, name: &str, bytes: &[u8]) -> Result<Plugin, LoadError> {
        let sha256 = sha256_hex(bytes);
        self.load_unless(name, ComponentBytes { bytes, sha256: &sha256 }, &Cancel::default())
    }

    /// Loads a plugin as [`Sandbox::load`] does, unless it is cancelled. Only a
    /// child process is cancelled before its end.
    ///
    /// # Errors
    ///
    /// The same as of [`Sandbox::load`], and [`LoadError::Superseded`].
    pub fn load_unless(
        &self,
        name: &str,
        component: ComponentBytes<'_>,
        cancel: &Cancel,
    ) -> Result<Plugin, LoadError> {
        if let Some(loaded) = self.find_loaded(name, component) {
            return Ok(loaded);
        }
        let code = self.prepare(component, &self.kept_code, cancel).component?;
        self.link(name, component, &code)
    }

    /// Loads a trusted plugin, for which no limit of time and memory applies. For a few logins, its code is
    /// that of the build. Otherwise, if its code is not kept, it is compiled in a child process where there
    /// is one, because a compiler's memory of some 50 MB stays with its process; and in this process if the
    /// child fails.
    ///
    /// # Errors
    ///
    /// The same as of [`Sandbox::load`].
    pub fn load_trusted(&self, name: &str, trusted: TrustedComponent) -> Result<Plugin, LoadError> {
        let component = trusted.component();
        if let Some(loaded) = self.find_loaded(name, component) {
            return Ok(loaded);
        }
        check(component.bytes, &self.options).component?;
        let code = self.load_code_of_build(trusted.code).or_else(|| self.kept_code.find(component.sha256));
        let code = match code {
            Some(code) => code,
            None => self.compile_trusted(component)?,
        };
        self.link(name, component, &code)
    }

    /// Loads the code of the build, which is for any processor of the target, and for memory that is mapped
    /// on demand. A server compiles for its own processor and for its pool.
    fn load_code_of_build(&self, code: &[u8]) -> Option<Components> {
        if self.options.optimise || code.is_empty() {
            return None;
        }
        let loaded = self.kept_code.copy(code);
        loaded
            .inspect_err(|why| tracing::debug!("the code of the build is not for this engine: {why:#}"))
            .ok()
    }

    /// Returns a plugin with the code of one that is loaded.
    fn find_loaded(&self, name: &str, component: ComponentBytes<'_>) -> Option<Plugin> {
        let linked = self.loaded_code.find(component.sha256)?;
        Some(self.new_plugin(name, component, linked))
    }

    fn compile_trusted(&self, component: ComponentBytes<'_>) -> Result<Components, LoadError> {
        if let Compiler::Child(_) = &self.options.compiler
            && let Ok(code) = self.prepare(component, &self.kept_code, &Cancel::default()).component
        {
            return Ok(code);
        }
        self.compile_here(component, &self.kept_code)
    }

    /// Checks the structure of the component, and compiles it unless its code is among `kept_code`.
    pub(super) fn prepare(
        &self,
        component: ComponentBytes<'_>,
        kept_code: &KeptCode,
        cancel: &Cancel,
    ) -> Prepared<Components> {
        match &self.options.compiler {
            Compiler::InProcess => {
                check(component.bytes, &self.options).and_then(|()| self.compile_here(component, kept_code))
            }
            Compiler::Child(program) => {
                ChildCompiler { sandbox: self, program, kept_code, cancel }.prepare(component)
            }
        }
    }

    /// Returns the kept code, or compiles in this process.
    fn compile_here(
        &self,
        component: ComponentBytes<'_>,
        kept_code: &KeptCode,
    ) -> Result<Components, LoadError> {
        if let Some(kept) = kept_code.find(component.sha256) {
            return Ok(kept);
        }
        let code = compile(self.engines.compiler(), component.bytes)?;
        let loaded = kept_code.load(component.sha256, &code);
        loaded.map_err(|error| LoadError::NotCompiled(format!("{error:#}")))
    }

    /// Links a compiled component to the interfaces that the host offers.
    pub(super) fn link(
        &self,
        name: &str,
        component: ComponentBytes<'_>,
        code: &[Component],
    ) -> Result<Plugin, LoadError> {
        let link = |code| link_component(code, self.options.wasi);
        let linked = code.iter().map(link).collect::<Result<_, _>>()?;
        self.loaded_code.insert(component.sha256, &linked);
        Ok(self.new_plugin(name, component, linked))
    }

    fn new_plugin(&self, name: &str, component: ComponentBytes<'_>, linked: Arc<[Linked]>) -> Plugin {
        Plugin {
            engines: self.engines.clone(),
            wasi: self.options.wasi,
            size_bytes: component.bytes.len(),
            ambient: self.ambient.clone(),
            limits: self.options.limits.clone(),
            version: Arc::new(PluginVersion { name: name.to_owned(), sha256: component.sha256.to_owned() }),
            linked,
            snapshot: None,
        }
    }
}

fn link_component(code: &Component, wasi: Wasi) -> Result<Linked, LoadError> {
    let pre = link_imports(code, wasi)?;
    let settings = v0_1::Settings::find_in(&pre).map_err(describe_mismatch)?;
    let warnings = v0_1::SettingsWarnings::find_in(&pre).map_err(describe_mismatch)?;
    let login = v0_1::HandlerPre::new(pre).map_err(describe_mismatch)?;
    Ok(Linked { login, settings, warnings })
}

pub(super) fn describe_mismatch(error: wasmtime::Error) -> LoadError {
    LoadError::Mismatch(format!("{error:#}"))
}

pub(super) fn link_imports(component: &Component, profile: Wasi) -> Result<InstancePre<State>, LoadError> {
    let mut linker = Linker::<State>::new(component.engine());
    for interface in wasi::list_interfaces(profile) {
        (interface.link)(&mut linker).map_err(describe_mismatch)?;
    }
    v0_1::add_to_linker(&mut linker).map_err(describe_mismatch)?;
    linker.instantiate_pre(component).map_err(describe_mismatch)
}
