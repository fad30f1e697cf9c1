//! The contract `ligature:login@0.1.0`: its functions, and the conversion of its
//! types to and from the model's.

use serde_json::{Map, Value};
use wasmtime::Store;
use wasmtime::component::{HasSelf, Instance, InstancePre, Linker};

use super::answer_limits::AnswerLimits;
use super::host_fuel::{COPIED_BYTE, GENERATED_BYTE};
use super::input::PluginInput;
use super::messages::{shorten, shorten_error};
use super::plugin_log::LogLevel;
use super::settings::{SettingsError, SettingsWarning};
use super::state::State;
use crate::limits::Limits;
use crate::model::{
    self, Decision, Identity, Level, LinkRequest, Outcome, Reason, RuleVerdict, Step, User, Verification,
};

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, reason = "generated code")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        imports: { default: trappable },
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, reason = "generated code")]
mod settings_bindings {
    // The optional interface `settings` of the same package.
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package ligature:host;
            world settings-only {
                export ligature:login/settings@0.1.0;
            }
        ",
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, reason = "generated code")]
mod warnings_bindings {
    // The optional interface `settings-warnings` of the same package.
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package ligature:host;
            world settings-warnings-only {
                export ligature:login/settings-warnings@0.1.0;
            }
        ",
    });
}

use bindings::exports::ligature::login::handler;
use bindings::ligature::login::{accounts, log, raw, types, users};
pub(super) use bindings::{Plugin, PluginPre};
use settings_bindings::exports::ligature::login::settings;
use warnings_bindings::exports::ligature::login::settings_warnings;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Plugin::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// Calls `handler.on-login`, or `handler.on-continue` if there is an answer.
pub(super) fn call_handler(
    instance: &Plugin,
    store: &mut Store<State>,
    input: &PluginInput,
) -> wasmtime::Result<Result<types::Outcome, types::ApiError>> {
    let event = convert_event(input);
    let handler = instance.ligature_login_handler();
    match input.answer {
        None => handler.call_on_login(store, &event),
        Some(answer) => handler.call_on_continue(store, &event, &answer.into()),
    }
}

impl From<&model::StepAnswer> for handler::Answer {
    fn from(answer: &model::StepAnswer) -> Self {
        Self {
            step: answer.step.into(),
            response: match &answer.proof {
                None => handler::Response::Declined,
                Some(proof) => handler::Response::Confirmed(handler::Proof {
                    current: proof.current.clone(),
                    candidate: proof.candidate.clone(),
                    proved_at: proof.proved_at.as_millis(),
                    methods: proof.methods.clone(),
                }),
            },
        }
    }
}

impl From<Step> for types::Step {
    fn from(step: Step) -> Self {
        match step {
            Step::ReauthenticateCandidate => Self::ReauthenticateCandidate,
            Step::Confirm => Self::Confirm,
            Step::VerifyEmail => Self::VerifyEmail,
            Step::StepUpMfa => Self::StepUpMfa,
            Step::ChooseCandidate => Self::ChooseCandidate,
        }
    }
}

/// The optional interface `settings` of a plugin.
pub(super) struct Settings(settings::GuestIndices);

impl Settings {
    /// Returns none if the plugin does not export it.
    pub(super) fn find_in(pre: &InstancePre<State>) -> wasmtime::Result<Option<Self>> {
        let engine = pre.engine();
        let exported = pre.component().component_type();
        let name = "ligature:login/settings@0.1.0";
        if exported.get_export(engine, name).is_none() {
            return Ok(None);
        }
        settings::GuestIndices::new(pre).map(|indices| Some(Self(indices)))
    }

    pub(super) fn schema(&self, instance: &Instance, store: &mut Store<State>) -> wasmtime::Result<String> {
        self.0.load(&mut *store, instance)?.call_schema(store)
    }

    pub(super) fn check(
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
pub(super) struct SettingsWarnings(settings_warnings::GuestIndices);

impl SettingsWarnings {
    /// Returns none if the plugin does not export it.
    pub(super) fn find_in(pre: &InstancePre<State>) -> wasmtime::Result<Option<Self>> {
        let name = "ligature:login/settings-warnings@0.1.0";
        if pre.component().component_type().get_export(pre.engine(), name).is_none() {
            return Ok(None);
        }
        settings_warnings::GuestIndices::new(pre).map(|indices| Some(Self(indices)))
    }

    pub(super) fn warn(
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

/// The event as the contract has it.
fn convert_event(input: &PluginInput) -> types::LoginEvent {
    let event = input.event;
    let methods = event.authentication.iter().flat_map(|authentication| &authentication.methods);
    let transaction = event.transaction.as_ref();
    types::LoginEvent {
        user: (&**event.account()).into(),
        connection: types::Connection {
            name: event.connection.name.clone(),
            strategy: event.connection.strategy.clone(),
        },
        client_id: event.client.as_ref().map(|client| client.client_id.clone()),
        organization_id: event.organization.as_ref().map(|organization| organization.id.clone()),
        protocol: transaction.and_then(|transaction| transaction.protocol.clone()),
        prompt: transaction.map(|transaction| transaction.prompt.clone()).unwrap_or_default(),
        methods: methods
            .map(|method| types::AuthenticationMethod {
                name: method.name.clone(),
                factor: method.factor.clone(),
                at: method.timestamp.map(model::Timestamp::as_millis),
            })
            .collect(),
        settings: input.settings.text().to_owned(),
        trace: input.trace,
    }
}

impl From<&User> for types::User {
    fn from(user: &User) -> Self {
        Self {
            user_id: user.user_id.clone(),
            email: user.email.clone(),
            email_verified: (&user.email_verified).into(),
            created_at: user.created_at.map(model::Timestamp::as_millis),
            last_login: user.last_login.map(model::Timestamp::as_millis),
            logins_count: user.logins_count,
            blocked: user.blocked,
            identities: user.identities.iter().map(Into::into).collect(),
            roles: user.roles.clone(),
            organizations: user.organizations.clone(),
            mfa_factors: user.mfa_factors(),
            user_metadata: user.user_metadata.as_ref().map(object_to_text),
            app_metadata: user.app_metadata.as_ref().map(object_to_text),
        }
    }
}

impl From<&Verification> for types::Verification {
    fn from(verification: &Verification) -> Self {
        match verification {
            Verification::Verified => Self::Verified,
            Verification::Unverified => Self::Unverified,
            Verification::Absent => Self::Absent,
            Verification::Null => Self::Null,
            Verification::NotBoolean(value) => Self::NotBoolean(value.to_string()),
        }
    }
}

impl From<&Identity> for types::Identity {
    fn from(identity: &Identity) -> Self {
        let profile = |key| identity.profile_data.as_ref().and_then(|data| data.get(key));
        Self {
            provider: identity.provider.clone(),
            user_id: identity.user_id.clone(),
            connection: identity.connection.clone(),
            is_social: identity.is_social,
            email: profile("email").and_then(Value::as_str).map(str::to_owned),
            email_verified: match profile("email_verified") {
                Some(held) => (&Verification::from(held)).into(),
                None => types::Verification::Absent,
            },
        }
    }
}

fn object_to_text(object: &Map<String, Value>) -> String {
    // Every key is text, so it is always valid JSON.
    serde_json::to_string(object).unwrap_or_else(|_| "{}".to_owned())
}

/// Reads a link request within its limits.
///
/// # Errors
///
/// The fault, in words.
fn read_link_request(request: &types::LinkRequest, limits: AnswerLimits) -> Result<LinkRequest, String> {
    let object = |field: &str, text: &Option<String>| {
        text.as_deref().map(|text| limits.parse_metadata(field, text)).transpose()
    };
    let reasons: Vec<Reason> = request.reasons.iter().cloned().map(Into::into).collect();
    limits.check_reasons(&reasons).map_err(|what| format!("`reasons`: {what}"))?;
    Ok(LinkRequest {
        user_metadata: object("user-metadata", &request.user_metadata)?,
        app_metadata: object("app-metadata", &request.app_metadata)?,
        primary: request.primary.clone(),
        secondary: request.secondary.clone(),
        reasons: reasons.into(),
    })
}

/// Reads an outcome within its limits.
///
/// # Errors
///
/// The fault, in words.
pub(super) fn read_outcome(outcome: types::Outcome, limits: &Limits) -> Result<Outcome, String> {
    let outcome = Outcome {
        decision: match outcome.decision {
            types::Decision::Proceed => Decision::Proceed,
            types::Decision::Linked(primary) => Decision::Linked { primary },
            types::Decision::Suggest(it) => {
                Decision::Suggest { step: it.step.into(), candidates: it.candidates }
            }
            types::Decision::Deny(message) => Decision::Deny { message },
        },
        reasons: outcome.reasons.into_iter().map(Into::into).collect(),
        trace: outcome
            .trace
            .into_iter()
            .map(|it| RuleVerdict { rule: it.rule, verdict: it.verdict, evidence: it.evidence })
            .collect(),
        counterfactual: outcome.counterfactual,
    };
    AnswerLimits::new(limits).check_outcome(&outcome)?;
    Ok(outcome)
}

impl From<types::Reason> for Reason {
    fn from(reason: types::Reason) -> Self {
        Self {
            code: reason.code,
            level: match reason.level {
                types::Level::Info => Level::Info,
                types::Level::Finding => Level::Finding,
                types::Level::Conflict => Level::Conflict,
                types::Level::Error => Level::Error,
            },
            subject: reason.subject,
            detail: reason.detail,
        }
    }
}

impl From<types::Step> for Step {
    fn from(step: types::Step) -> Self {
        match step {
            types::Step::ReauthenticateCandidate => Self::ReauthenticateCandidate,
            types::Step::Confirm => Self::Confirm,
            types::Step::VerifyEmail => Self::VerifyEmail,
            types::Step::StepUpMfa => Self::StepUpMfa,
            types::Step::ChooseCandidate => Self::ChooseCandidate,
        }
    }
}

impl From<model::ApiError> for types::ApiError {
    fn from(error: model::ApiError) -> Self {
        use model::ApiError as E;
        match error {
            E::Refused(why) => Self::Refused(why),
            E::BudgetSpent(which) => Self::BudgetSpent(which),
            E::NotFound(what) => Self::NotFound(what),
            E::AlreadyLinked(what) => Self::AlreadyLinked(what),
            E::StateChanged(what) => Self::StateChanged(what),
            E::RateLimited { retry_after_s, .. } => Self::RateLimited(retry_after_s),
            E::TimedOut => Self::TimedOut,
            E::Unavailable(how) => Self::Unavailable(how),
            E::TooMany(limit) => Self::TooMany(limit),
            E::Invalid(what) => Self::Invalid(what),
            E::Other(what) => Self::Other(what),
        }
    }
}

impl From<types::ApiError> for model::ApiError {
    fn from(error: types::ApiError) -> Self {
        use types::ApiError as E;
        shorten_error(match error {
            E::Refused(why) => Self::Refused(why),
            E::BudgetSpent(which) => Self::BudgetSpent(which),
            E::NotFound(what) => Self::NotFound(what),
            E::AlreadyLinked(what) => Self::AlreadyLinked(what),
            E::StateChanged(what) => Self::StateChanged(what),
            E::RateLimited(retry_after_s) => Self::RateLimited { retry_after_s, correlation_id: None },
            E::TimedOut => Self::TimedOut,
            E::Unavailable(how) => Self::Unavailable(how),
            E::TooMany(limit) => Self::TooMany(limit),
            E::Invalid(what) => Self::Invalid(what),
            E::Other(what) => Self::Other(what),
        })
    }
}
