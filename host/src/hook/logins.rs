//! The decision on one login.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{Action, ActionAnswer, new_reason};
use super::answer_gate::{AnswerGate, GatedDirectory};
use super::arrived_login::Arrived;
use super::confirmations::{CurrentLogin, SharedConfirmations, SuggestedStep, open_answer};
use super::login_hosts::LoginHosts;
use super::metrics::Metrics;
use super::question::AnswerFault;
use super::secrets::Secrets;
use crate::ambient::Ambient;
use crate::decide::{DecisionContext, DecisionRequest, FinalUser, LoginDecision, OnFailure, UserKeeper};
use crate::directory::{Administration, ArrivalError, CountedLogin, arrive, merge_known_user};
use crate::guard::Guard;
use crate::model::{ApiError, Decision, Level, LoginEvent, Reason, Step, StepAnswer, User, mask_addresses};
use crate::policies::LoadedPolicy;
use crate::recording::LoginRecorder;
use crate::service::DecisionRecorder;
use crate::service::decider::Decider;
use crate::service::decision_log::log_policy_run;
use crate::service::decision_recorder::NotedLogin;

/// The dependencies of a login.
pub(super) struct Logins {
    pub(super) directory: Arc<dyn Administration>,
    pub(super) decider: Arc<Decider>,
    pub(super) on_failure: OnFailure,
    pub(super) metrics: Arc<Metrics>,
    pub(super) secrets: Arc<Secrets>,
    pub(super) confirmations: Option<SharedConfirmations>,
    pub(super) ambient: Ambient,
    pub(super) recorder: LoginRecorder,
    pub(super) decisions: DecisionRecorder,
    pub(super) hosts: LoginHosts,
}

/// A login that the Action asks about.
pub(super) struct ActionLogin {
    pub(super) event: LoginEvent,
    pub(super) stage: Stage,
    /// The number of the secret that the Action has signed with.
    pub(super) secret: usize,
}

/// The stage of a login at which the Action asks.
#[derive(Debug)]
pub(super) enum Stage {
    /// The user has logged in.
    PostLogin {
        /// Whether the Action can send the user to another page.
        can_redirect: bool,
    },
    /// The user has come back from the page.
    Continue {
        /// The sealed answer; none if the Action has not accepted it.
        answer: Option<String>,
    },
}

/// Whether the user was asked in this login. A login asks once.
enum UserStep<'a> {
    /// The user was not asked.
    NotAsked {
        /// Whether the user can be asked now.
        can_prompt: bool,
    },
    /// The user was asked, and gave this answer if it counts.
    Asked(Option<&'a StepAnswer>),
}

/// The result of asking a user.
enum AskResult {
    /// The redirect to the question.
    Redirect(Action),
    /// The user was blocked after the login began.
    Blocked(Arc<User>),
}

impl Logins {
    /// Returns the time that a login may take: the longest deadline of the policies.
    pub(super) fn time_limit(&self) -> Duration {
        let policies = self.decider.policies();
        policies.iter().map(|policy| policy.plugin.limits().deadline()).max().unwrap_or_default()
    }

    /// Returns the party that keeps the login's user: a tenant, if the directory is one.
    fn user_keeper(&self) -> UserKeeper {
        if self.directory.learns_from_logins() { UserKeeper::Directory } else { UserKeeper::Tenant }
    }

    /// Decides a login: its user arrives in the directory, the policies decide, and the
    /// login is counted, unless the user is asked first.
    pub(super) fn decide(&self, login: ActionLogin, gate: &Arc<AnswerGate>) -> ActionAnswer {
        let ActionLogin { event, stage, secret } = login;
        let (user_id, now) = (event.user.user_id.clone(), self.ambient.now());
        self.hosts.notice(&event);
        let event = match arrive(&*self.directory, event, now) {
            Ok(event) => Arc::new(event),
            Err(error) => return self.answer_failed_arrival(&user_id, &error),
        };
        if event.account().blocked {
            return refuse_blocked(event.account(), Vec::new());
        }
        let arrived = Arrived { user_id: &user_id, event, gate, now, secret };
        if self.confirmations.as_ref().is_some_and(|it| it.is_proof(&arrived.event)) {
            return self.answer_proof(&arrived);
        }
        match stage {
            Stage::PostLogin { can_redirect } => self.decide_first(&arrived, can_redirect),
            Stage::Continue { answer } => self.decide_answered(&arrived, answer.as_deref()),
        }
    }

    /// Decides a login before the user was asked.
    fn decide_first(&self, arrived: &Arrived<'_>, can_redirect: bool) -> ActionAnswer {
        let loaded = self.decider.policies_for_login();
        let can_prompt = can_redirect && self.confirmations.is_some();
        let mut decided = self.run_policies(&loaded, arrived, UserStep::NotAsked { can_prompt });
        if let Decision::Suggest { .. } = decided.outcome.decision {
            let asked = match can_prompt {
                true => self.ask(&loaded, arrived, &decided),
                false => None,
            };
            match asked {
                Some(AskResult::Redirect(action)) => {
                    self.note_decision(&loaded, arrived, &decided);
                    return ActionAnswer::new(action, decided.outcome.reasons);
                }
                Some(AskResult::Blocked(user)) => {
                    self.note_decision(&loaded, arrived, &decided);
                    return refuse_blocked(&user, decided.outcome.reasons);
                }
                None => {
                    if can_prompt {
                        self.audit_unaskable(arrived);
                    }
                    decided.outcome.reasons.insert(0, self.confirmation_unavailable(can_redirect));
                }
            }
        }
        self.answer_decision(&loaded, arrived, decided)
    }

    fn audit_unaskable(&self, arrived: &Arrived<'_>) {
        let user = mask_addresses(arrived.user_id);
        tracing::warn!(target: "audit", %user, "a user cannot be asked");
        self.metrics.count_confirmation("not_asked");
    }

    /// Asks the user, unless the question cannot be put.
    fn ask(
        &self,
        loaded: &[LoadedPolicy],
        arrived: &Arrived<'_>,
        decided: &LoginDecision<Guard>,
    ) -> Option<AskResult> {
        let confirmations = self.confirmations.as_ref()?;
        let Decision::Suggest { step, candidates } = &decided.outcome.decision else { return None };
        let FinalUser::User(user) = &decided.final_user else { return None };
        // The user is read again: the prompt was counted after the event, and the answer is compared with
        // the counted user.
        let user = self.directory.get(&user.user_id).ok()?.user;
        if user.blocked {
            return Some(AskResult::Blocked(user));
        }
        let name = &decided.steps.last()?.policy;
        let policy = loaded.iter().find(|policy| *policy.name == **name)?;
        let secret = self.secrets.keys().get(arrived.secret)?;
        let second_factor = *step == Step::StepUpMfa || self.has_second_factor(&user, candidates);
        let suggestion = SuggestedStep { policy, step: *step, candidates, second_factor };
        let login = CurrentLogin { event: &arrived.event, user: &user };
        let redirect = confirmations.ask(login, suggestion, secret)?;
        Some(AskResult::Redirect(Action::Redirect { url: redirect.url, token: redirect.token }))
    }

    /// Returns whether one of the accounts has a second factor. A policy that asks for another
    /// step first may want it afterwards, and the user is asked once.
    fn has_second_factor(&self, user: &User, candidates: &[String]) -> bool {
        let has_factor = |user: &User| !user.mfa_factors().is_empty();
        let is_enrolled = |id: &String| self.directory.get(id).is_ok_and(|stored| has_factor(&stored.user));
        has_factor(user) || candidates.iter().any(is_enrolled)
    }

    /// Decides a login after the user was asked. Without an answer that counts and suffices, the
    /// user has declined.
    fn decide_answered(&self, arrived: &Arrived<'_>, sealed: Option<&str>) -> ActionAnswer {
        let loaded = self.decider.policies_for_login();
        let user = match self.directory.get(&arrived.event.user.user_id) {
            Ok(stored) => Some(stored.user),
            Err(ApiError::NotFound(_)) => None,
            Err(error) => return self.answer_failed_directory(arrived.user_id, &error),
        };
        let login = user.as_deref().map(|user| CurrentLogin { event: &arrived.event, user });
        let answer = self.read_answer(&loaded, login, sealed);
        // The event may be older than the prompt, which it does not count then.
        let event = user.map_or_else(|| arrived.event.clone(), |user| with_marks_of(&arrived.event, &user));
        let arrived = &Arrived { event, ..*arrived };
        let mut decided = self.run_policies(&loaded, arrived, UserStep::Asked(answer.as_ref().ok()));
        let mut why = answer.err().map(|fault| self.refuse_answer(arrived, fault));
        if let Decision::Suggest { step, .. } = decided.outcome.decision {
            why = why.or_else(|| Some(self.refuse_proof(arrived)));
            // An answer that counts would have named the policy that asks.
            let policy = decided.steps.last().map(|step| step.policy.clone());
            let declined = StepAnswer { step, proof: None, policy };
            decided = self.run_policies(&loaded, arrived, UserStep::Asked(Some(&declined)));
        }
        decided.outcome.reasons.splice(0..0, why);
        self.answer_decision(&loaded, arrived, decided)
    }

    fn read_answer(
        &self,
        loaded: &[LoadedPolicy],
        login: Option<CurrentLogin<'_>>,
        sealed: Option<&str>,
    ) -> Result<StepAnswer, AnswerFault> {
        let confirmations = self.confirmations.as_ref().ok_or(AnswerFault::NotConfigured)?;
        let login = login.ok_or(AnswerFault::OtherUser)?;
        confirmations.check_answer(open_answer(sealed, &self.secrets)?, login, loaded)
    }

    fn refuse_answer(&self, arrived: &Arrived<'_>, fault: AnswerFault) -> Reason {
        let user = mask_addresses(arrived.user_id);
        tracing::warn!(target: "audit", %user, why = %fault, "an answer to a question does not count");
        self.metrics.count_confirmation("answer_refused");
        let detail = format!("The answer to the question does not count: {fault}.");
        new_reason("CONFIRMATION_REFUSED", Level::Finding, detail)
    }

    fn refuse_proof(&self, arrived: &Arrived<'_>) -> Reason {
        let user = mask_addresses(arrived.user_id);
        tracing::warn!(target: "audit", %user, "an answer to a question does not suffice");
        self.metrics.count_confirmation("answer_insufficient");
        let detail = "The policy asks for more than the user has proved.";
        new_reason("CONFIRMATION_INSUFFICIENT", Level::Finding, detail.to_owned())
    }

    /// Answers a login by which a user proves an account for another login.
    fn answer_proof(&self, arrived: &Arrived<'_>) -> ActionAnswer {
        let detail = "This login proves an account for another login, which is decided by itself.";
        let reasons = vec![new_reason("CONFIRMATION_LOGIN", Level::Info, detail.to_owned())];
        arrived.log_decision(None, "proceed", &reasons);
        self.answer_user(arrived, arrived.event.account(), ActionAnswer::new(Action::Proceed, reasons))
    }

    fn run_policies(
        &self,
        loaded: &[LoadedPolicy],
        arrived: &Arrived<'_>,
        user_step: UserStep<'_>,
    ) -> LoginDecision<Guard> {
        let (answer, can_prompt) = match user_step {
            UserStep::NotAsked { can_prompt } => (None, can_prompt),
            UserStep::Asked(answer) => (answer, false),
        };
        let Arrived { event, gate, now, .. } = arrived;
        let policies: Vec<_> = loaded.iter().map(LoadedPolicy::borrowed).collect();
        let request = DecisionRequest { event, now: *now, trace: self.decisions.is_on(), answer };
        let gated = GatedDirectory { directory: self.directory.clone(), gate: (*gate).clone() };
        let context = DecisionContext {
            directory: Arc::new(gated),
            on_failure: self.on_failure,
            can_prompt,
            user_keeper: self.user_keeper(),
        };
        let decided = self.recorder.decide(&policies, request, context);
        let user = mask_addresses(&event.user.user_id);
        for step in decided.overtaken.iter().chain(&decided.steps) {
            log_policy_run(step, &user, self.on_failure);
        }
        self.metrics.decisions.count_runs(&decided);
        decided
    }

    /// Logs, counts and keeps the decision that is answered. A login may be decided again before that,
    /// and the service adds reasons of its own.
    fn note_decision(&self, loaded: &[LoadedPolicy], arrived: &Arrived<'_>, decided: &LoginDecision<Guard>) {
        let Arrived { event, now, .. } = arrived;
        self.decisions.note(&NotedLogin { event, at: *now, policies: loaded, decided });
        let (policy, outcome) = (decided.steps.last().map(|step| step.policy.as_str()), &decided.outcome);
        let kind = outcome.decision.kind();
        self.metrics.decisions.count_decision(kind);
        arrived.log_decision(policy, kind, &outcome.reasons);
        if let Some(primary) = decided.steps.iter().find_map(|step| step.api.linked()) {
            arrived.audit_link(policy, primary, &outcome.reasons);
        }
    }

    /// Turns a decision into an answer. The user is not asked.
    fn answer_decision(
        &self,
        loaded: &[LoadedPolicy],
        arrived: &Arrived<'_>,
        decided: LoginDecision<Guard>,
    ) -> ActionAnswer {
        self.note_decision(loaded, arrived, &decided);
        if let FinalUser::Gone = decided.final_user {
            let user = mask_addresses(arrived.user_id);
            tracing::warn!(target: "audit", %user, code = "USER_NOT_FOUND", "the user of a login is not in the directory");
        }
        let (reasons, app_metadata) = (decided.outcome.reasons, decided.app_metadata);
        match (decided.final_user, decided.outcome.decision) {
            (FinalUser::User(user), _) if user.blocked => refuse_blocked(&user, reasons),
            (FinalUser::User(user), _) => self.answer_user(
                arrived,
                &user,
                ActionAnswer { app_metadata, ..ActionAnswer::new(Action::Proceed, reasons) },
            ),
            (FinalUser::Denied | FinalUser::Gone, Decision::Deny { message }) => {
                ActionAnswer::new(Action::Deny { message }, reasons)
            }
            // The link was made. The tenant checks by itself that the primary has the identity.
            (FinalUser::Unknown(_), Decision::Linked { primary }) => {
                ActionAnswer::new(Action::SetPrimaryUser { primary_user_id: primary }, reasons)
            }
            (FinalUser::Unknown(error), _) => self.answer_failed_directory(arrived.user_id, &error),
            (FinalUser::Denied | FinalUser::Gone, _) => {
                let message = "This account no longer exists.".to_owned();
                ActionAnswer::new(Action::Deny { message }, reasons)
            }
        }
    }

    /// Counts a login that goes on as this user, and returns the answer: the given one if the
    /// tenant knows the login as that user's.
    fn answer_user(&self, arrived: &Arrived<'_>, user: &User, proceed: ActionAnswer) -> ActionAnswer {
        let Arrived { user_id, event, now, .. } = arrived;
        let request = event.rest.get("request");
        let ip = request.and_then(|it| it.get("ip")?.as_str()?.parse().ok());
        // Failing to count a login does not make the login fail.
        let identity = event.identity().map(|it| (it.provider.as_str(), it.user_id.as_str()));
        let login = CountedLogin { user_id: &user.user_id, identity, at: *now, ip };
        if let Err(error) = self.directory.count_login(&login) {
            tracing::warn!(error = %mask_addresses(&error.to_string()), "a login was not counted");
        }
        if user.user_id == *user_id {
            return proceed;
        }
        // Without a mark: Auth0 does not document which of the two users it would write to.
        let action = Action::SetPrimaryUser { primary_user_id: user.user_id.clone() };
        ActionAnswer { action, app_metadata: None, ..proceed }
    }

    fn confirmation_unavailable(&self, can_redirect: bool) -> Reason {
        let why = match (&self.confirmations, can_redirect) {
            (None, _) => "the confirmation is not configured (--confirm-url)",
            (Some(_), false) => "this login cannot show a page",
            (Some(_), true) => "the question is too large for the page's address, or its user cannot be read",
        };
        let detail =
            format!("The policy would ask the user to confirm, and {why}: the login goes on unlinked.");
        new_reason("CONFIRMATION_UNAVAILABLE", Level::Finding, detail)
    }

    fn answer_failed_arrival(&self, user_id: &str, error: &ArrivalError) -> ActionAnswer {
        match error {
            ArrivalError::Directory(error) => self.answer_failed_directory(user_id, error),
            error => {
                let detail = format!("The login could not be decided: {error}.");
                self.answer_failure(user_id, "EVENT_CONTRADICTS_DIRECTORY", detail)
            }
        }
    }

    fn answer_failed_directory(&self, user_id: &str, error: &ApiError) -> ActionAnswer {
        let detail = format!("The directory failed: {}.", error.to_sentence());
        self.answer_failure(user_id, "DIRECTORY_FAILED", detail)
    }

    /// Logs that a login was not decided, and returns the answer.
    pub(super) fn answer_failure(&self, user_id: &str, code: &'static str, detail: String) -> ActionAnswer {
        tracing::error!(
            target: "audit", user = %mask_addresses(user_id), code, detail = %mask_addresses(&detail),
            on_failure = ?self.on_failure, "a login could not be decided"
        );
        ActionAnswer::after_failure(self.on_failure, code, detail)
    }
}

/// Returns the event with the marks that the directory has now. The stricter ones win.
fn with_marks_of(event: &Arc<LoginEvent>, user: &User) -> Arc<LoginEvent> {
    let mut account = User::clone(event.account());
    account.app_metadata.clone_from(&user.app_metadata);
    Arc::new(merge_known_user(LoginEvent::clone(event), &Arc::new(account)))
}

fn refuse_blocked(user: &User, mut reasons: Vec<Reason>) -> ActionAnswer {
    let user = mask_addresses(&user.user_id);
    tracing::warn!(target: "audit", %user, "a blocked user was refused");
    let detail = format!("{user} is blocked in the directory.");
    reasons.insert(0, new_reason("USER_BLOCKED", Level::Info, detail));
    // Source: Auth0, the message of a login of a blocked user.
    ActionAnswer::new(Action::Deny { message: "user is blocked".to_owned() }, reasons)
}
