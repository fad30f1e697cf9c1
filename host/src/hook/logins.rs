//! The decision on one login.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{Action, Answer, new_reason};
use super::answer_gate::{AnswerGate, GatedDirectory};
use super::metrics::Metrics;
use crate::ambient::Ambient;
use crate::decide::{DecisionContext, DecisionRequest, FinalUser, LoginDecision, OnFailure};
use crate::directory::{Administration, ArrivalError, arrive};
use crate::guard::Guard;
use crate::model::{ApiError, Decision, Level, LoginEvent, Reason, Timestamp, User, mask_addresses};
use crate::policies::Policy;
use crate::recording::LoginRecorder;
use crate::service::decider::Decider;
use crate::service::decision_log::log_policy_run;

/// The dependencies of a login.
pub(super) struct Logins {
    pub(super) directory: Arc<dyn Administration>,
    pub(super) decider: Arc<Decider>,
    pub(super) on_failure: OnFailure,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ambient: Ambient,
    pub(super) recorder: LoginRecorder,
}

impl Logins {
    /// Returns the time that a login may take: the longest deadline of the policies.
    pub(super) fn time_limit(&self) -> Duration {
        let policies = self.decider.policies();
        policies.iter().map(|policy| policy.plugin.limits().deadline()).max().unwrap_or_default()
    }

    /// Decides a login: its user arrives in the directory, the policies decide, and the
    /// login is counted.
    pub(super) fn decide(&self, event: LoginEvent, gate: &Arc<AnswerGate>) -> Answer {
        let (said, now) = (event.user.user_id.clone(), self.ambient.now());
        let event = match arrive(&*self.directory, event, now) {
            Ok(event) => Arc::new(event),
            Err(error) => return self.answer_failed_arrival(&said, &error),
        };
        if event.account().blocked {
            return refuse_blocked(event.account(), Vec::new());
        }
        let decided = self.run_policies(&event, gate, now);
        self.answer_decision((&said, &event), decided, now)
    }

    fn run_policies(
        &self,
        event: &Arc<LoginEvent>,
        gate: &Arc<AnswerGate>,
        now: Timestamp,
    ) -> LoginDecision<Guard> {
        let loaded = self.decider.policies();
        let policies: Vec<_> = loaded.iter().map(Policy::borrowed).collect();
        let request = DecisionRequest { event, now, trace: false, answer: None };
        let gated = GatedDirectory { directory: self.directory.clone(), gate: gate.clone() };
        let context = DecisionContext {
            directory: Arc::new(gated),
            on_failure: self.on_failure,
            // There is no page yet that shows a suggestion.
            can_prompt: false,
        };
        let decided = self.recorder.decide(&policies, request, context);
        let user = mask_addresses(&event.user.user_id);
        for step in decided.overtaken.iter().chain(&decided.steps) {
            log_policy_run(step, &user, self.on_failure);
        }
        self.metrics.decisions.count(&decided);
        let codes: Vec<&str> = decided.outcome.reasons.iter().map(|reason| reason.code.as_str()).collect();
        tracing::info!(
            target: "login", %user, client = event.client.as_ref().map(|it| it.client_id.as_str()),
            policy = decided.steps.last().map(|step| step.policy.as_str()),
            decision = decided.outcome.decision.kind(), reasons = codes.join(" "), "login decided"
        );
        decided
    }

    /// Turns a decision into an answer. `said` is the user's id as the tenant knows it.
    fn answer_decision(
        &self,
        (said, event): (&str, &LoginEvent),
        decided: LoginDecision<Guard>,
        now: Timestamp,
    ) -> Answer {
        let mut reasons = decided.outcome.reasons;
        let user = match (decided.final_user, decided.outcome.decision) {
            (FinalUser::User(user), _) if user.blocked => return refuse_blocked(&user, reasons),
            (FinalUser::User(user), decision) => {
                if let Decision::Suggest { .. } = decision {
                    reasons.insert(0, confirmation_unavailable());
                }
                user
            }
            (FinalUser::Denied | FinalUser::Gone, Decision::Deny { message }) => {
                return Answer::new(Action::Deny { message }, reasons);
            }
            // The link was made. The tenant checks by itself that the primary has the identity.
            (FinalUser::Unknown(_), Decision::Linked { primary }) => {
                return Answer::new(Action::SetPrimaryUser { primary_user_id: primary }, reasons);
            }
            (FinalUser::Unknown(error), _) => return self.answer_failed_directory(said, &error),
            (FinalUser::Denied | FinalUser::Gone, _) => {
                let message = "This account no longer exists.".to_owned();
                return Answer::new(Action::Deny { message }, reasons);
            }
        };
        let request = event.rest.get("request");
        let ip = request.and_then(|it| it.get("ip")?.as_str()?.parse().ok());
        // Failing to count a login does not make the login fail.
        if let Err(error) = self.directory.count_login(&user.user_id, now, ip) {
            tracing::warn!(error = %mask_addresses(&error.to_string()), "a login was not counted");
        }
        let action = if user.user_id == said {
            Action::Proceed
        } else {
            Action::SetPrimaryUser { primary_user_id: user.user_id.clone() }
        };
        Answer::new(action, reasons)
    }

    fn answer_failed_arrival(&self, said: &str, error: &ArrivalError) -> Answer {
        match error {
            ArrivalError::Directory(error) => self.answer_failed_directory(said, error),
            error => {
                let detail = format!("The login could not be decided: {error}.");
                self.answer_failure(said, "EVENT_CONTRADICTS_DIRECTORY", detail)
            }
        }
    }

    fn answer_failed_directory(&self, said: &str, error: &ApiError) -> Answer {
        let detail = format!("The directory failed: {}.", error.to_sentence());
        self.answer_failure(said, "DIRECTORY_FAILED", detail)
    }

    /// Logs that a login was not decided, and returns the answer.
    pub(super) fn answer_failure(&self, said: &str, code: &'static str, detail: String) -> Answer {
        tracing::error!(
            target: "audit", user = %mask_addresses(said), code, detail = %mask_addresses(&detail),
            on_failure = ?self.on_failure, "a login could not be decided"
        );
        Answer::after_failure(self.on_failure, code, detail)
    }
}

fn refuse_blocked(user: &User, mut reasons: Vec<Reason>) -> Answer {
    let user = mask_addresses(&user.user_id);
    tracing::warn!(target: "audit", %user, "a blocked user was refused");
    let detail = format!("{user} is blocked in the directory.");
    reasons.insert(0, new_reason("USER_BLOCKED", Level::Info, detail));
    // Source: Auth0, the message of a login of a blocked user.
    Answer::new(Action::Deny { message: "user is blocked".to_owned() }, reasons)
}

fn confirmation_unavailable() -> Reason {
    let detail = "The policy would ask the user to confirm. This version of the service has no page that asks: \
                  the login goes on unlinked.";
    new_reason("CONFIRMATION_UNAVAILABLE", Level::Finding, detail.to_owned())
}
