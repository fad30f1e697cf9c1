//! The interface `handler` of a plugin, which every login calls.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{ComponentExportIndex, Func, Instance, InstancePre, TypedFunc};
use wasmtime::{Engine, Store, format_err};

use super::bindings::{handler, types};
use super::to_contract::convert_event;
use crate::sandbox::input::PluginInput;
use crate::sandbox::state::State;

const HANDLER: &str = "ligature:login/handler@0.1.0";

type OnLogin<'a> = (&'a types::LoginEvent,);
type OnContinue<'a> = (&'a types::LoginEvent, &'a handler::Answer);
type Answered = (Result<types::Outcome, types::ApiError>,);

/// A linked plugin, and its handler's functions, which have the contract's types.
///
/// The bindings that wasmtime generates compare the types in every instance. They walk through the
/// whole event, which took an eighth of a login that does nothing.
pub(in crate::sandbox) struct HandlerPre {
    pre: InstancePre<State>,
    on_login: ComponentExportIndex,
    on_continue: ComponentExportIndex,
}

impl HandlerPre {
    /// # Errors
    ///
    /// When the plugin does not export the handler, with the contract's types.
    pub(in crate::sandbox) fn new(pre: InstancePre<State>) -> wasmtime::Result<Self> {
        let (on_login, login_index) = find_function(&pre, "on-login")?;
        let (on_continue, continue_index) = find_function(&pre, "on-continue")?;
        // The generated bindings compare types by the same functions.
        let instance_type = pre.instance_type();
        let mismatch = |name: &str, why: &dyn std::fmt::Display| {
            format_err!("the type of `{name}` in `{HANDLER}` differs from the contract's: {why:#}")
        };
        on_login
            .typecheck::<OnLogin<'_>, Answered>(&instance_type)
            .map_err(|why| mismatch("on-login", &why))?;
        on_continue
            .typecheck::<OnContinue<'_>, Answered>(&instance_type)
            .map_err(|why| mismatch("on-continue", &why))?;
        Ok(Self { on_login: login_index, on_continue: continue_index, pre })
    }

    pub(in crate::sandbox) fn instance_pre(&self) -> &InstancePre<State> {
        &self.pre
    }

    /// The engine that it runs in.
    pub(in crate::sandbox) fn engine(&self) -> &Engine {
        self.pre.engine()
    }

    /// Calls `on-login`, or `on-continue` if there is an answer, in a fresh instance. The event holds
    /// the text `settings`, which is not that of the input if the instance has read it before.
    #[expect(unsafe_code, reason = "the types are compared when the plugin is linked")]
    pub(in crate::sandbox) fn call(
        &self,
        store: &mut Store<State>,
        input: &PluginInput,
        settings: &str,
    ) -> wasmtime::Result<Result<types::Outcome, types::ApiError>> {
        let instance = self.pre.instantiate(&mut *store)?;
        let event = convert_event(input, settings);
        let (outcome,) = match input.answer {
            None => {
                let function = get_function(&instance, store, &self.on_login)?;
                // SAFETY: `new` has compared the type of this export.
                let function = unsafe { TypedFunc::<OnLogin<'_>, Answered>::new_unchecked(function) };
                function.call(store, (&event,))?
            }
            Some(answer) => {
                let function = get_function(&instance, store, &self.on_continue)?;
                // SAFETY: `new` has compared the type of this export.
                let function = unsafe { TypedFunc::<OnContinue<'_>, Answered>::new_unchecked(function) };
                function.call(store, (&event, &answer.into()))?
            }
        };
        Ok(outcome)
    }
}

fn find_function(
    pre: &InstancePre<State>,
    name: &str,
) -> wasmtime::Result<(ComponentFunc, ComponentExportIndex)> {
    let component = pre.component();
    let handler = component.get_export_index(None, HANDLER);
    let handler = handler.ok_or_else(|| format_err!("no exported instance named `{HANDLER}`"))?;
    match component.get_export(Some(&handler), name) {
        Some((ComponentItem::ComponentFunc(function), index)) => Ok((function, index)),
        Some(_) => Err(format_err!("the export `{name}` of `{HANDLER}` is not a function")),
        None => Err(format_err!("instance export `{HANDLER}` does not have export `{name}`")),
    }
}

fn get_function(
    instance: &Instance,
    store: &mut Store<State>,
    index: &ComponentExportIndex,
) -> wasmtime::Result<Func> {
    let missing = || format_err!("an export of `{HANDLER}` is missing in the instance");
    instance.get_func(store, index).ok_or_else(missing)
}
