//! The optional interfaces of a plugin.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::bindings::{prepared_settings, settings, settings_warnings};
use crate::sandbox::messages::shorten;
use crate::sandbox::settings::{SettingsError, SettingsWarning};
use crate::sandbox::state::State;

/// Returns whether a plugin exports an interface.
fn exports(pre: &InstancePre<State>, interface: &str) -> bool {
    pre.component().component_type().get_export(pre.engine(), interface).is_some()
}

/// The optional interface `settings` of a plugin.
pub(in crate::sandbox) struct Settings(settings::GuestIndices);

impl Settings {
    /// Returns none if the plugin does not export it.
    pub(in crate::sandbox) fn find_in(pre: &InstancePre<State>) -> wasmtime::Result<Option<Self>> {
        let indices = || settings::GuestIndices::new(pre).map(Self);
        exports(pre, "ligature:login/settings@0.1.0").then(indices).transpose()
    }

    pub(in crate::sandbox) fn schema(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
    ) -> wasmtime::Result<String> {
        self.0.load(&mut *store, instance)?.call_schema(store)
    }

    pub(in crate::sandbox) fn check(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
        text: &str,
    ) -> wasmtime::Result<Result<(), SettingsError>> {
        let checked = self.0.load(&mut *store, instance)?.call_check(store, &text.to_owned())?;
        Ok(checked.map_err(|error| SettingsError {
            line: error.line as usize,
            column: error.column as usize,
            message: shorten(&error.message),
        }))
    }
}

/// The optional interface `settings-warnings` of a plugin.
pub(in crate::sandbox) struct SettingsWarnings(settings_warnings::GuestIndices);

impl SettingsWarnings {
    /// Returns none if the plugin does not export it.
    pub(in crate::sandbox) fn find_in(pre: &InstancePre<State>) -> wasmtime::Result<Option<Self>> {
        let indices = || settings_warnings::GuestIndices::new(pre).map(Self);
        exports(pre, "ligature:login/settings-warnings@0.1.0").then(indices).transpose()
    }

    pub(in crate::sandbox) fn warn(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
        text: &str,
    ) -> wasmtime::Result<Vec<SettingsWarning>> {
        let warned = self.0.load(&mut *store, instance)?.call_warn(store, &text.to_owned())?;
        let warning = |it: settings_warnings::Warning| SettingsWarning {
            key: it.key,
            attack: it.attack,
            message: it.message,
        };
        Ok(warned.into_iter().map(warning).collect())
    }
}

/// The optional interface `prepared-settings` of a plugin.
pub(in crate::sandbox) struct PreparedSettings(prepared_settings::GuestIndices);

impl PreparedSettings {
    /// Returns none if the plugin does not export it.
    pub(in crate::sandbox) fn find_in(pre: &InstancePre<State>) -> wasmtime::Result<Option<Self>> {
        let indices = || prepared_settings::GuestIndices::new(pre).map(Self);
        exports(pre, "ligature:login/prepared-settings@0.1.0").then(indices).transpose()
    }

    pub(in crate::sandbox) fn prepare(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
        text: &str,
    ) -> wasmtime::Result<Result<(), String>> {
        self.0.load(&mut *store, instance)?.call_prepare(store, &text.to_owned())
    }
}
