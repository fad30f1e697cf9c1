//! The conversion of the contract's types to the model's, within the limits of an answer.

use super::bindings::types;
use crate::limits::Limits;
use crate::model::{self, Decision, Level, LinkRequest, Outcome, Reason, RuleVerdict, Step};
use crate::sandbox::answer_limits::AnswerLimits;
use crate::sandbox::messages::shorten_error;

/// Reads an outcome within its limits.
///
/// # Errors
///
/// The fault, in words.
pub(in crate::sandbox) fn read_outcome(outcome: types::Outcome, limits: &Limits) -> Result<Outcome, String> {
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

/// Reads a link request within its limits.
///
/// # Errors
///
/// The fault, in words.
pub(super) fn read_link_request(
    request: &types::LinkRequest,
    limits: AnswerLimits,
) -> Result<LinkRequest, String> {
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
