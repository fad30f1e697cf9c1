//! A loaded plugin: run in a fresh instance for every login.

use std::any::Any;
use std::sync::Arc;

use wasmtime::component::Instance;
use wasmtime::{Engine, Store};

use super::answer_limits::AnswerLimits;
use super::engines::Engines;
use super::failure::Failure;
use super::input::PluginInput;
use super::messages::shorten_failure;
use super::output::PluginOutput;
use super::plugin_log::LogLine;
use super::profile::Wasi;
use super::settings::{Settings, SettingsError, SettingsWarning};
use super::state::{State, check_at_tick};
use super::v0_1;
use crate::ambient::Ambient;
use crate::directory::PluginVersion;
use crate::limits::Limits;
use crate::model::{ApiError, HostCalls, LinkRequest, Metadata, Outcome, Timestamp, User};

/// A plugin that fits the contract and the WASI profile.
#[derive(Clone)]
pub struct Plugin {
    pub(super) engines: Engines,
    pub(super) wasi: Wasi,
    pub(super) size_bytes: usize,
    pub(super) ambient: Ambient,
    pub(super) limits: Limits,
    pub(super) version: Arc<PluginVersion>,
    /// By the number of the engine.
    pub(super) linked: Arc<[Linked]>,
    pub(super) snapshot: Option<SettingsSnapshot>,
}

/// A plugin's component in one engine, and its functions.
pub(super) struct Linked {
    pub(super) login: v0_1::HandlerPre,
    pub(super) settings: Option<v0_1::Settings>,
    pub(super) warnings: Option<v0_1::SettingsWarnings>,
}

/// The code of a plugin that has read one policy document.
#[derive(Clone)]
pub(super) struct SettingsSnapshot {
    pub(super) settings_sha256: Arc<str>,
    /// By the number of the engine.
    pub(super) logins: Arc<[v0_1::HandlerPre]>,
}

/// The text that a login's event holds instead of a document that the instance has read.
const SETTINGS_ARE_READ: &str = "null";

/// The result of running a plugin for one login.
#[derive(Debug)]
pub struct PluginRun<A> {
    /// The outcome, or the reason why there is none.
    pub outcome: Result<Outcome, Failure>,
    /// The log lines, up to the limits.
    pub log: Vec<LogLine>,
    /// Standard output and standard error, up to the limits.
    pub output: PluginOutput,
    /// The resources that the login used.
    pub used: ResourceUsage,
    /// The `api` that answered the host calls.
    pub api: A,
}

/// The resources that one login used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceUsage {
    /// The fuel.
    pub fuel: u64,
    /// The largest size of the linear memory, in bytes.
    pub memory_bytes: usize,
    /// The calls of the contract's functions, log lines included.
    pub host_calls: u32,
}

impl Plugin {
    /// The plugin's name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.version.name
    }

    /// SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.version.sha256
    }

    /// The plugin's name and hash.
    #[must_use]
    pub fn version(&self) -> &Arc<PluginVersion> {
        &self.version
    }

    /// The limits of one login.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The clock that deadlines are measured by.
    #[must_use]
    pub fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// Runs the plugin for one login, in a fresh instance: `on-login`, or
    /// `on-continue` if there is an answer. `api` answers its host calls.
    pub fn run<A: HostCalls>(&self, input: &PluginInput, api: A) -> PluginRun<A> {
        let place = self.engines.wait_for_place();
        let snapshot = self.snapshot.as_ref().filter(|it| it.settings_sha256 == *input.settings.sha256());
        let (login, settings) = match snapshot {
            Some(snapshot) => (&snapshot.logins[place.engine()], SETTINGS_ARE_READ),
            None => (&self.linked[place.engine()].login, input.settings.text()),
        };
        let mut store = self.new_store(login.engine(), input.now, Box::new(api));
        let outcome = match login.call(&mut store, input, settings) {
            Ok(Ok(outcome)) => v0_1::read_outcome(outcome, &self.limits).map_err(Failure::InvalidAnswer),
            Ok(Err(error)) => Err(Failure::GaveUp(error.into())),
            Err(error) => Err(self.explain(&error, &store)),
        };
        self.finish(store, outcome)
    }

    /// Returns whether the plugin has read this policy document, so that its logins do not.
    #[must_use]
    pub fn has_read(&self, settings: &Settings) -> bool {
        self.snapshot.as_ref().is_some_and(|it| it.settings_sha256 == *settings.sha256())
    }

    /// Returns whether the plugin checks its policy document.
    #[must_use]
    pub fn has_settings(&self) -> bool {
        self.linked[0].settings.is_some()
    }

    /// Returns the JSON Schema of the plugin's policy document; none if the plugin
    /// does not describe it.
    ///
    /// # Errors
    ///
    /// When the plugin fails.
    pub fn settings_schema(&self) -> Result<Option<String>, Failure> {
        if !self.has_settings() {
            return Ok(None);
        }
        self.call_for_no_login(|linked, instance, store| {
            linked.settings.as_ref().map(|settings| settings.schema(instance, store)).transpose()
        })
    }

    /// Has the plugin check a policy document. A plugin that does not describe its
    /// settings accepts every document.
    ///
    /// # Errors
    ///
    /// The outer one when the plugin fails, the inner one when the document is
    /// wrong.
    pub fn check_settings(&self, text: &str) -> Result<Result<(), SettingsError>, Failure> {
        if !self.has_settings() {
            return Ok(Ok(()));
        }
        self.call_for_no_login(|linked, instance, store| {
            linked.settings.as_ref().map_or(Ok(Ok(())), |settings| settings.check(instance, store, text))
        })
    }

    /// Returns the plugin's warnings about a policy document that it accepts; none
    /// if the plugin gives no warnings.
    ///
    /// # Errors
    ///
    /// When the plugin fails, or returns more than the contract allows.
    pub fn settings_warnings(&self, text: &str) -> Result<Vec<SettingsWarning>, Failure> {
        if self.linked[0].warnings.is_none() {
            return Ok(Vec::new());
        }
        let found = self.call_for_no_login(|linked, instance, store| {
            linked.warnings.as_ref().map_or(Ok(Vec::new()), |warnings| warnings.warn(instance, store, text))
        })?;
        AnswerLimits::new(&self.limits).check_warnings(&found).map_err(Failure::InvalidAnswer)?;
        Ok(found)
    }

    /// Calls a function of a fresh instance whose host calls are refused.
    fn call_for_no_login<T>(
        &self,
        call: impl FnOnce(&Linked, &Instance, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Failure> {
        let place = self.engines.wait_for_place();
        let linked = &self.linked[place.engine()];
        let mut store = self.new_store(linked.login.engine(), Timestamp::default(), Box::new(NoLogin));
        let instance = linked.login.instance_pre().instantiate(&mut store);
        let called = instance.and_then(|instance| call(linked, &instance, &mut store));
        called.map_err(|error| self.explain(&error, &store))
    }

    /// Creates the store of one login, with its limits.
    pub(super) fn new_store(&self, engine: &Engine, now: Timestamp, api: Box<dyn HostCalls>) -> Store<State> {
        let limits = &self.limits;
        let mut store = Store::new(engine, State::new(limits, now, api, &self.ambient));
        store.limiter(|state| &mut state.resources);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(check_at_tick);
        // Fails only if fuel is not enabled, which the engine's configuration does.
        let _ = store.set_fuel(limits.fuel);
        store.set_hostcall_fuel(limits.lifted_bytes);
        store.set_max_component_handles(limits.handles);
        store
    }

    /// The failure that an error of wasmtime means.
    pub(super) fn explain(&self, error: &wasmtime::Error, store: &Store<State>) -> Failure {
        shorten_failure(Failure::from_wasmtime(error, &store.data().stderr_with_end(), &self.limits))
    }

    /// Takes the login's results out of its store.
    fn finish<A: HostCalls>(&self, store: Store<State>, outcome: Result<Outcome, Failure>) -> PluginRun<A> {
        let fuel = self.limits.fuel - store.get_fuel().unwrap_or(0).min(self.limits.fuel);
        let fuel = fuel.saturating_add(store.data().host_fuel.spent());
        // The plugin's own fuel may be within the limit, but not together with the
        // host's work.
        let outcome = if fuel > self.limits.fuel && outcome.is_ok() {
            Err(Failure::OutOfFuel { limit: self.limits.fuel })
        } else {
            outcome
        };
        // If the engine's clock ended the login, the work beyond the limit depends
        // on timing.
        let fuel = fuel.min(self.limits.fuel);
        let output = store.data().output();
        let State { api, log, resources, host_calls, .. } = store.into_data();
        let api: Box<dyn Any> = api;
        // `run` has boxed an `A`.
        let Ok(api) = api.downcast::<A>() else { unreachable!("the API of a login keeps its type") };
        PluginRun {
            outcome,
            log: log.finish(),
            output,
            used: ResourceUsage { fuel, memory_bytes: resources.peak, host_calls },
            api: *api,
        }
    }
}

/// The host calls of a plugin that is run for no login: each is refused.
pub(super) struct NoLogin;

const NO_LOGIN: &str = "there is no login";

impl HostCalls for NoLogin {
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

    fn last_seen(&mut self, _: &str) -> Result<Arc<User>, ApiError> {
        Err(ApiError::Refused(NO_LOGIN.to_owned()))
    }

    fn link(&mut self, _: LinkRequest) -> Result<Arc<User>, ApiError> {
        Err(ApiError::Refused(NO_LOGIN.to_owned()))
    }

    fn reject_link(&mut self, _: &str, _: &str, _: String) -> ApiError {
        ApiError::Refused(NO_LOGIN.to_owned())
    }
}
