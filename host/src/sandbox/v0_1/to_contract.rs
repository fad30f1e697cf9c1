//! The conversion of the model's types to the contract's.

use serde_json::{Map, Value};

use super::bindings::{handler, types};
use crate::model::{self, Identity, Step, User, Verification};
use crate::sandbox::input::PluginInput;

/// The event as the contract has it, with this text as its settings.
pub(super) fn convert_event(input: &PluginInput, settings: &str) -> types::LoginEvent {
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
        settings: settings.to_owned(),
        trace: input.trace,
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

pub(super) fn object_to_text(object: &Map<String, Value>) -> String {
    // Every key is text, so it is always valid JSON.
    serde_json::to_string(object).unwrap_or_else(|_| "{}".to_owned())
}
