//! The host's types to the policy's and back, as the sandbox's
//! `ligature:login@0.1.0` translates them.

use ligature_host::model::{self, Timestamp};
use link_users_by_email::bindings::{self as plugin, Response};
use link_users_by_email::bindings::{AuthenticationMethod, Connection};
use serde_json::{Map, Value};

/// The event, with this policy document and without a trace.
#[must_use]
pub fn event(event: &model::LoginEvent, document: &str) -> plugin::LoginEvent {
    let methods = event.authentication.iter().flat_map(|authentication| &authentication.methods);
    let transaction = event.transaction.as_ref();
    plugin::LoginEvent {
        user: user(event.account()),
        connection: Connection {
            name: event.connection.name.clone(),
            strategy: event.connection.strategy.clone(),
        },
        client_id: event.client.as_ref().map(|client| client.client_id.clone()),
        organization_id: event.organization.as_ref().map(|organization| organization.id.clone()),
        protocol: transaction.and_then(|transaction| transaction.protocol.clone()),
        prompt: transaction.map(|transaction| transaction.prompt.clone()).unwrap_or_default(),
        methods: methods
            .map(|method| AuthenticationMethod {
                name: method.name.clone(),
                factor: method.factor.clone(),
                at: method.timestamp.map(Timestamp::as_millis),
            })
            .collect(),
        // The policy is handed over as it was read.
        settings: document.to_owned(),
        trace: false,
    }
}

/// A user.
#[must_use]
pub fn user(user: &model::User) -> plugin::User {
    plugin::User {
        user_id: user.user_id.clone(),
        email: user.email.clone(),
        email_verified: verification(&user.email_verified),
        created_at: user.created_at.map(Timestamp::as_millis),
        last_login: user.last_login.map(Timestamp::as_millis),
        logins_count: user.logins_count,
        blocked: user.blocked,
        identities: user.identities.iter().map(identity).collect(),
        roles: user.roles.clone(),
        organizations: user.organizations.clone(),
        mfa_factors: user.mfa_factors(),
        user_metadata: user.user_metadata.as_ref().map(object_text),
        app_metadata: user.app_metadata.as_ref().map(object_text),
    }
}

fn identity(identity: &model::Identity) -> plugin::Identity {
    let profile = |key| identity.profile_data.as_ref().and_then(|data| data.get(key));
    plugin::Identity {
        provider: identity.provider.clone(),
        user_id: identity.user_id.clone(),
        connection: identity.connection.clone(),
        is_social: identity.is_social,
        email: profile("email").and_then(Value::as_str).map(str::to_owned),
        email_verified: match profile("email_verified") {
            Some(held) => verification(&model::Verification::from(held)),
            None => plugin::Verification::Absent,
        },
    }
}

fn verification(verification: &model::Verification) -> plugin::Verification {
    use model::Verification as V;
    match verification {
        V::Verified => plugin::Verification::Verified,
        V::Unverified => plugin::Verification::Unverified,
        V::Absent => plugin::Verification::Absent,
        V::Null => plugin::Verification::Null,
        V::NotBoolean(value) => plugin::Verification::NotBoolean(value.to_string()),
    }
}

/// An answer.
#[must_use]
pub fn answer(answer: &model::StepAnswer) -> plugin::Answer {
    plugin::Answer {
        step: match answer.step {
            model::Step::ReauthenticateCandidate => plugin::Step::ReauthenticateCandidate,
            model::Step::Confirm => plugin::Step::Confirm,
            model::Step::VerifyEmail => plugin::Step::VerifyEmail,
            model::Step::StepUpMfa => plugin::Step::StepUpMfa,
            model::Step::ChooseCandidate => plugin::Step::ChooseCandidate,
        },
        response: match &answer.proof {
            None => Response::Declined,
            Some(proof) => Response::Confirmed(plugin::Proof {
                current: proof.current.clone(),
                candidate: proof.candidate.clone(),
                proved_at: proof.proved_at.as_millis(),
                methods: proof.methods.clone(),
            }),
        },
    }
}

pub(crate) fn link_request(request: &plugin::LinkRequest) -> Result<model::LinkRequest, String> {
    Ok(model::LinkRequest {
        primary: request.primary.clone(),
        secondary: request.secondary.clone(),
        user_metadata: object("user-metadata", request.user_metadata.as_deref())?,
        app_metadata: object("app-metadata", request.app_metadata.as_deref())?,
        reasons: request.reasons.iter().cloned().map(reason).collect(),
    })
}

/// An outcome, without its trace.
#[must_use]
pub fn outcome(outcome: plugin::Outcome) -> model::Outcome {
    model::Outcome {
        decision: match outcome.decision {
            plugin::Decision::Proceed => model::Decision::Proceed,
            plugin::Decision::Linked(primary) => model::Decision::Linked { primary },
            plugin::Decision::Suggest(it) => {
                model::Decision::Suggest { step: step(it.step), candidates: it.candidates }
            }
            plugin::Decision::Deny(message) => model::Decision::Deny { message },
        },
        reasons: outcome.reasons.into_iter().map(reason).collect(),
        trace: Vec::new(),
        counterfactual: outcome.counterfactual,
    }
}

fn step(step: plugin::Step) -> model::Step {
    match step {
        plugin::Step::ReauthenticateCandidate => model::Step::ReauthenticateCandidate,
        plugin::Step::Confirm => model::Step::Confirm,
        plugin::Step::VerifyEmail => model::Step::VerifyEmail,
        plugin::Step::StepUpMfa => model::Step::StepUpMfa,
        plugin::Step::ChooseCandidate => model::Step::ChooseCandidate,
    }
}

fn reason(reason: plugin::Reason) -> model::Reason {
    model::Reason {
        code: reason.code,
        level: match reason.level {
            plugin::Level::Info => model::Level::Info,
            plugin::Level::Finding => model::Level::Finding,
            plugin::Level::Conflict => model::Level::Conflict,
            plugin::Level::Error => model::Level::Error,
        },
        subject: reason.subject,
        detail: reason.detail,
    }
}

/// An error.
#[must_use]
pub fn error(error: model::ApiError) -> plugin::ApiError {
    use model::ApiError as E;
    match error {
        E::Refused(why) => plugin::ApiError::Refused(why),
        E::BudgetSpent(which) => plugin::ApiError::BudgetSpent(which),
        E::NotFound(what) => plugin::ApiError::NotFound(what),
        E::AlreadyLinked(what) => plugin::ApiError::AlreadyLinked(what),
        E::StateChanged(what) => plugin::ApiError::StateChanged(what),
        E::RateLimited { retry_after_s, .. } => plugin::ApiError::RateLimited(retry_after_s),
        E::TimedOut => plugin::ApiError::TimedOut,
        E::Unavailable(how) => plugin::ApiError::Unavailable(how),
        E::TooMany(limit) => plugin::ApiError::TooMany(limit),
        E::Invalid(what) => plugin::ApiError::Invalid(what),
        E::Other(what) => plugin::ApiError::Other(what),
    }
}

fn object(name: &str, text: Option<&str>) -> Result<Option<Map<String, Value>>, String> {
    let read = |text| serde_json::from_str(text);
    text.map(read).transpose().map_err(|error| format!("`{name}` is not a JSON object: {error}"))
}

fn object_text(object: &Map<String, Value>) -> String {
    // Every key is text, so it is always JSON.
    serde_json::to_string(object).unwrap_or_else(|_| "{}".to_owned())
}
