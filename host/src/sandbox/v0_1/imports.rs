//! The functions of the host that a plugin calls.

use wasmtime::component::{HasSelf, Linker};

use super::bindings::{Plugin, accounts, log, raw, types, users};
use super::from_contract::read_link_request;
use super::to_contract::object_to_text;
use crate::model;
use crate::sandbox::host_fuel::{COPIED_BYTE, GENERATED_BYTE};
use crate::sandbox::plugin_log::LogLevel;
use crate::sandbox::state::State;

pub(in crate::sandbox) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Plugin::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl types::Host for State {}

impl users::Host for State {
    fn find_by_email(
        &mut self,
        email: String,
    ) -> wasmtime::Result<Result<Vec<types::User>, types::ApiError>> {
        const CALL: &str = "users.find-by-email";
        self.enter(CALL)?;
        let found = self.api.find_by_email(&email);
        self.deadline.check(CALL)?;
        Ok(found.map(|users| users.iter().map(|user| (&**user).into()).collect()).map_err(Into::into))
    }

    fn ignores_case(&mut self) -> wasmtime::Result<bool> {
        self.enter("users.ignores-case")?;
        Ok(self.api.ignores_case())
    }

    fn get(&mut self, id: String) -> wasmtime::Result<Result<types::User, types::ApiError>> {
        const CALL: &str = "users.get";
        self.enter(CALL)?;
        let user = self.api.get(&id);
        self.deadline.check(CALL)?;
        Ok(user.map(|user| (&*user).into()).map_err(Into::into))
    }
}

impl accounts::Host for State {
    fn link(&mut self, request: types::LinkRequest) -> wasmtime::Result<Result<(), types::ApiError>> {
        const CALL: &str = "accounts.link";
        self.enter(CALL)?;
        // The deadline is not checked afterwards: the plugin has to know that the
        // link was made.
        let linked = match read_link_request(&request, self.answer_limits) {
            Ok(request) => self.api.link(request).map(|_| ()),
            Err(what) => Err(self.api.reject_link(&request.primary, &request.secondary, what)),
        };
        Ok(linked.map_err(Into::into))
    }
}

impl raw::Host for State {
    fn event(&mut self) -> wasmtime::Result<String> {
        self.enter("raw.event")?;
        let text = object_to_text(&self.api.event_context());
        self.host_fuel.charge((text.len() as u64).saturating_mul(GENERATED_BYTE));
        Ok(text)
    }

    fn user(&mut self, id: String) -> wasmtime::Result<Result<String, types::ApiError>> {
        self.enter("raw.user")?;
        let user = self.api.last_seen(&id);
        let text = user.and_then(|user| {
            serde_json::to_string(&*user).map_err(|error| model::ApiError::Other(error.to_string()))
        });
        let length = text.as_ref().map_or(0, String::len);
        self.host_fuel.charge((length as u64).saturating_mul(GENERATED_BYTE));
        Ok(text.map_err(Into::into))
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::LogLevel, message: String) -> wasmtime::Result<()> {
        self.enter("log.write")?;
        self.host_fuel.charge((message.len() as u64).saturating_mul(COPIED_BYTE));
        let level = match level {
            log::LogLevel::Debug => LogLevel::Debug,
            log::LogLevel::Info => LogLevel::Info,
            log::LogLevel::Warn => LogLevel::Warn,
            log::LogLevel::Error => LogLevel::Error,
        };
        self.log.write(level, message);
        Ok(())
    }
}
