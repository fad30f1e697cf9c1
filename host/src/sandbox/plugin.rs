//! A plugin: loaded once, run in a fresh instance for every login.

use std::any::Any;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::compile::{Prepared, prepare};
use super::compiler::{Cancel, Compiler, prepare_in_child};
use super::engine::Sandbox;
use super::failure::{Failure, LoadError};
use super::state::{LogLine, PluginOutput, State, Used, tick};
use super::turnstile::Turnstile;
use super::{check, v0_1};
use crate::ambient::Ambient;
use crate::directory::PluginVersion;
use crate::limits::Limits;
use crate::model::{
    Answer, ApiError, LinkRequest, LoginEvent, ManagementApi, Metadata, Outcome, Timestamp, User,
};

/// A plugin that fits the contract and the WASI profile.
pub struct Plugin {
    pub(super) engine: Engine,
    pub(super) wasi: super::Wasi,
    pub(super) size: usize,
    turnstile: Turnstile,
    ambient: Ambient,
    limits: Limits,
    version: Arc<PluginVersion>,
    login: v0_1::PluginPre<State>,
    settings: Option<v0_1::Settings>,
    warnings: Option<v0_1::SettingsWarnings>,
}

/// A policy document, a JSON object, and the hash by which the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    text: String,
    sha256: Arc<str>,
}

impl Settings {
    /// A document of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let sha256 = sha256(text.as_bytes()).into();
        Self { text, sha256 }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &Arc<str> {
        &self.sha256
    }
}

/// What a plugin is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The login.
    pub event: &'a Arc<LoginEvent>,
    /// The policy document.
    pub settings: &'a Settings,
    /// The login's time, which is all the time that the plugin sees.
    pub now: Timestamp,
    /// Whether the trace is wanted.
    pub trace: bool,
    /// What came back after the user was asked; none at first.
    pub answer: Option<&'a Answer>,
}

/// What came of a question.
#[derive(Debug)]
pub struct Finished<A> {
    /// The answer, or why there is none.
    pub answer: Result<Outcome, Failure>,
    /// What was written to the log, as far as the limits keep it.
    pub log: Vec<LogLine>,
    /// Standard output and standard error, as far as the limits keep them.
    pub output: PluginOutput,
    /// What it took.
    pub used: Used,
    /// The host calls' other end.
    pub api: A,
}

/// Where a policy document is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SettingsError {
    /// The line in the document, from 1; 0 if it is about the whole.
    pub line: usize,
    /// The column in the line, from 1; 0 if it is about the whole.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// An option of a policy document that gives a protection up, or that has no
/// effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsWarning {
    /// The option's key.
    pub key: String,
    /// The attack that it opens, by its id in the plugin's documentation.
    pub attack: Option<String>,
    /// One sentence for people.
    pub message: String,
}

impl Sandbox {
    /// Compiles a plugin and checks that it fits. `name` is its name in
    /// messages.
    ///
    /// # Errors
    ///
    /// When the bytes are no component, one that wants what is not offered, or
    /// one that takes more than the limits allow.
    pub fn load(&self, name: &str, bytes: &[u8]) -> Result<Plugin, LoadError> {
        self.load_unless(name, bytes, &Cancel::default())
    }

    /// The same, until it is cancelled. Only a child process ends early.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::load`], and [`LoadError::Superseded`].
    pub fn load_unless(&self, name: &str, bytes: &[u8], cancel: &Cancel) -> Result<Plugin, LoadError> {
        let component = self.prepare_unless(bytes, cancel).component?;
        self.link(name, bytes, component)
    }

    /// Compiles a plugin that is trusted, in this process.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::load`].
    pub fn load_trusted(&self, name: &str, bytes: &[u8]) -> Result<Plugin, LoadError> {
        let component = prepare(&self.engine, &self.options, bytes).component?;
        self.link(name, bytes, component)
    }

    pub(super) fn prepare(&self, bytes: &[u8]) -> Prepared<Component> {
        self.prepare_unless(bytes, &Cancel::default())
    }

    fn prepare_unless(&self, bytes: &[u8], cancel: &Cancel) -> Prepared<Component> {
        match &self.options.compiler {
            Compiler::InProcess => prepare(&self.engine, &self.options, bytes),
            Compiler::Child(program) => prepare_in_child(self, program, bytes, cancel),
        }
    }

    pub(super) fn link(&self, name: &str, bytes: &[u8], component: Component) -> Result<Plugin, LoadError> {
        let wasi = self.options.wasi;
        let pre = link(&self.engine, &component, wasi)?;
        let settings = v0_1::Settings::of(&pre).map_err(mismatch)?;
        let warnings = v0_1::SettingsWarnings::of(&pre).map_err(mismatch)?;
        let login = v0_1::PluginPre::new(pre).map_err(mismatch)?;
        Ok(Plugin {
            engine: self.engine.clone(),
            wasi,
            size: bytes.len(),
            turnstile: self.turnstile.clone(),
            ambient: self.ambient.clone(),
            limits: self.options.limits.clone(),
            version: Arc::new(PluginVersion { name: name.to_owned(), sha256: sha256(bytes) }),
            login,
            settings,
            warnings,
        })
    }
}

/// SHA-256, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mismatch(error: wasmtime::Error) -> LoadError {
    LoadError::Mismatch(format!("{error:#}"))
}

fn link(engine: &Engine, component: &Component, wasi: super::Wasi) -> Result<InstancePre<State>, LoadError> {
    let mut linker = Linker::<State>::new(engine);
    for interface in wasi.interfaces() {
        (interface.link)(&mut linker).map_err(mismatch)?;
    }
    v0_1::add_to_linker(&mut linker).map_err(mismatch)?;
    linker.instantiate_pre(component).map_err(mismatch)
}

impl Plugin {
    /// What the plugin is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.version.name
    }

    /// SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.version.sha256
    }

    /// Name and hash.
    #[must_use]
    pub fn version(&self) -> &Arc<PluginVersion> {
        &self.version
    }

    /// What one login may use up.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The time that its deadlines are by.
    #[must_use]
    pub fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// Asks the plugin about one login, in a fresh instance: `on-login`, or
    /// `on-continue` where there is an answer.
    pub fn ask<A: ManagementApi>(&self, question: &Question, api: A) -> Finished<A> {
        let _inside = self.turnstile.enter();
        let mut store = self.store(question.now, Box::new(api));
        let answer = self
            .login
            .instantiate(&mut store)
            .and_then(|instance| v0_1::ask(&instance, &mut store, question));
        let answer = match answer {
            Ok(Ok(outcome)) => v0_1::outcome(outcome, &self.limits).map_err(Failure::InvalidAnswer),
            Ok(Err(error)) => Err(Failure::GaveUp(error.into())),
            Err(error) => Err(self.failure(&error, &store)),
        };
        self.finish(store, answer)
    }

    /// Whether the plugin checks its policy document.
    #[must_use]
    pub fn has_settings(&self) -> bool {
        self.settings.is_some()
    }

    /// The JSON Schema of the plugin's policy document; none if it has none.
    ///
    /// # Errors
    ///
    /// When the plugin fails.
    pub fn settings_schema(&self) -> Result<Option<String>, Failure> {
        let Some(settings) = &self.settings else { return Ok(None) };
        let _inside = self.turnstile.enter();
        let mut store = self.store(Timestamp::default(), Box::new(NoDirectory));
        let schema = self.login.instance_pre().instantiate(&mut store);
        let schema = schema.and_then(|instance| settings.schema(&instance, &mut store));
        schema.map(Some).map_err(|error| self.failure(&error, &store))
    }

    /// Checks a policy document, as the plugin does.
    ///
    /// # Errors
    ///
    /// The outer one when the plugin fails, the inner one when the document is
    /// wrong. A plugin that has no settings takes every document.
    pub fn check_settings(&self, text: &str) -> Result<Result<(), SettingsError>, Failure> {
        let Some(settings) = &self.settings else { return Ok(Ok(())) };
        let _inside = self.turnstile.enter();
        let mut store = self.store(Timestamp::default(), Box::new(NoDirectory));
        let checked = self.login.instance_pre().instantiate(&mut store);
        let checked = checked.and_then(|instance| settings.check(&instance, &mut store, text));
        checked.map_err(|error| self.failure(&error, &store))
    }

    /// The protections that a policy document gives up, if the plugin takes it;
    /// none where the plugin does not tell.
    ///
    /// # Errors
    ///
    /// When the plugin fails, or tells more than the contract allows.
    pub fn settings_warnings(&self, text: &str) -> Result<Vec<SettingsWarning>, Failure> {
        let Some(warnings) = &self.warnings else { return Ok(Vec::new()) };
        let _inside = self.turnstile.enter();
        let mut store = self.store(Timestamp::default(), Box::new(NoDirectory));
        let told = self.login.instance_pre().instantiate(&mut store);
        let told = told.and_then(|instance| warnings.warn(&instance, &mut store, text));
        let told = told.map_err(|error| self.failure(&error, &store))?;
        check::Contract::of(&self.limits).warnings(&told).map_err(Failure::InvalidAnswer)?;
        Ok(told)
    }

    fn store(&self, now: Timestamp, api: Box<dyn ManagementApi>) -> Store<State> {
        let limits = &self.limits;
        let mut store = Store::new(&self.engine, State::new(limits, now, api, &self.ambient));
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(tick);
        // Fails only where fuel is off, and it is on; then nothing runs at all.
        let _ = store.set_fuel(limits.fuel);
        store.set_hostcall_fuel(limits.lifted_bytes);
        store.set_max_component_handles(limits.handles);
        store
    }

    fn failure(&self, error: &wasmtime::Error, store: &Store<State>) -> Failure {
        check::failure(Failure::of(error, &store.data().output().stderr, &self.limits))
    }

    fn finish<A: ManagementApi>(&self, store: Store<State>, answer: Result<Outcome, Failure>) -> Finished<A> {
        let fuel = self.limits.fuel - store.get_fuel().unwrap_or(0).min(self.limits.fuel);
        let fuel = fuel.saturating_add(store.data().work.spent());
        // The host's work may have taken what the plugin's own did not.
        let answer = if fuel > self.limits.fuel && answer.is_ok() {
            Err(Failure::OutOfFuel { limit: self.limits.fuel })
        } else {
            answer
        };
        // Where the engine's clock ended it, the work behind the limit is chance.
        let fuel = fuel.min(self.limits.fuel);
        let output = store.data().output();
        let State { api, log, memory, host_calls, .. } = store.into_data();
        let api: Box<dyn Any> = api;
        // The box is the one that `on_login` made of an `A`.
        let Ok(api) = api.downcast::<A>() else { unreachable!("a login's other end keeps its type") };
        Finished {
            answer,
            log: log.finish(),
            output,
            used: Used { fuel, memory_bytes: memory.peak, host_calls },
            api: *api,
        }
    }
}

/// For questions that are about no login.
struct NoDirectory;

const NO_LOGIN: &str = "there is no login";

impl ManagementApi for NoDirectory {
    fn find_by_email(&mut self, _: &str) -> Result<Vec<Arc<User>>, ApiError> {
        Err(ApiError::Refused(NO_LOGIN.to_owned()))
    }

    fn ignores_case(&mut self) -> bool {
        false
    }

    fn get(&mut self, _: &str) -> Result<Arc<User>, ApiError> {
        Err(ApiError::Refused(NO_LOGIN.to_owned()))
    }

    fn event_context(&mut self) -> Metadata {
        Metadata::new()
    }

    fn shown(&mut self, _: &str) -> Result<Arc<User>, ApiError> {
        Err(ApiError::Refused(NO_LOGIN.to_owned()))
    }

    fn link(&mut self, _: LinkRequest) -> Result<Arc<User>, ApiError> {
        Err(ApiError::Refused(NO_LOGIN.to_owned()))
    }
    fn reject_link(&mut self, _: &str, _: &str, _: String) -> ApiError {
        ApiError::Refused(NO_LOGIN.to_owned())
    }
}
