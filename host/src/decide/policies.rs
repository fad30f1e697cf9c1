//! Several policies of one login, in order.

use std::sync::Arc;

use super::policy::{
    GuardWrapper, OnFailure, Policy, PolicyRun, new_guard, note_check, note_prompt, run_policy,
};
use super::race::{FinalUser, Round, SettledDecision, decide_until_settled};
use super::user_keeper::UserKeeper;
use crate::directory::Directory;
use crate::guard::Guard;
use crate::model::{Decision, Level, LoginEvent, Metadata, Outcome, RuleVerdict, StepAnswer, Timestamp};
use crate::sandbox::PluginInput;

/// A login to decide.
#[derive(Debug, Clone, Copy)]
pub struct DecisionRequest<'a> {
    /// The login's event.
    pub event: &'a Arc<LoginEvent>,
    /// The login's time.
    pub now: Timestamp,
    /// Whether the plugins write a trace.
    pub trace: bool,
    /// The user's answer to a prompt; none before a prompt.
    pub answer: Option<&'a StepAnswer>,
}

/// The directory of a login, and what becomes of a suggestion and of a failure.
#[derive(Clone)]
pub struct DecisionContext {
    /// The directory.
    pub directory: Arc<dyn Directory>,
    /// The outcome of a login whose plugin fails.
    pub on_failure: OnFailure,
    /// Whether the user sees a suggestion. Prompts that the user does not see are not
    /// counted.
    pub can_prompt: bool,
    /// The party that keeps the login's user.
    pub user_keeper: UserKeeper,
}

/// A login's decision: that of the first policy that does not let it proceed.
#[derive(Debug)]
pub struct LoginDecision<A> {
    /// The outcome of the login. The deciding policy's reasons come first, then
    /// those of the policies before it.
    pub outcome: Outcome,
    /// The policies that ran, in order; the last one has decided.
    pub steps: Vec<PolicyRun<A>>,
    /// The policies that ran in earlier rounds, on accounts that have changed
    /// since.
    pub overtaken: Vec<PolicyRun<A>>,
    /// The user that the login continues as.
    pub final_user: FinalUser,
    /// The keys of the login's user's `app_metadata` that a tenant of Auth0 has to write, if the tenant
    /// keeps the user.
    pub app_metadata: Option<Metadata>,
}

/// Decides a login by policies in order, until one does not let it proceed. A
/// policy that fails ends the order as well: no later policy acts on a login that
/// an earlier one has not judged. `wrap` wraps each policy's guard.
///
/// Afterwards the directory is read again for the user that has the login's
/// identity. If another login has linked the accounts meanwhile, this login is
/// decided again as that user's, and is `linked` if the policies let it proceed.
pub fn decide_login<A: GuardWrapper>(
    policies: &[Policy],
    request: DecisionRequest,
    wrap: impl Fn(Guard) -> A,
    context: DecisionContext,
) -> LoginDecision<A> {
    let decide_once = |event: &Arc<LoginEvent>, is_first| {
        // The user's answer was about the accounts as they were in the first
        // round.
        let answer = request.answer.filter(|_| is_first);
        let steps = run_policies(policies, DecisionRequest { event, answer, ..request }, &wrap, &context);
        let lost = steps.iter().flat_map(|step| step.api.guard().lost_accounts()).cloned().collect();
        let is_overtaken = steps.iter().any(|step| step.api.guard().is_overtaken());
        let known_user = steps.last().filter(|_| context.user_keeper == UserKeeper::Tenant && !is_overtaken);
        let known_user = known_user.map(|step| step.api.guard().known_user().clone());
        Round { outcome: merge_outcomes(&steps), lost_accounts: lost, known_user, run: steps }
    };
    let SettledDecision { outcome, run: steps, overtaken, final_user } =
        decide_until_settled(request.event, &*context.directory, decide_once);
    let app_metadata = steps.iter().rev().find_map(|step| step.app_metadata.clone());
    let overtaken = overtaken.into_iter().flatten().collect();
    LoginDecision { outcome, steps, overtaken, final_user, app_metadata }
}

/// Runs policies until one decides.
fn run_policies<A: GuardWrapper>(
    policies: &[Policy],
    request: DecisionRequest,
    wrap: impl Fn(Guard) -> A,
    context: &DecisionContext,
) -> Vec<PolicyRun<A>> {
    let mut steps: Vec<PolicyRun<A>> = Vec::with_capacity(policies.len());
    for policy in policies {
        // Only the policy that has prompted the user gets the answer.
        let answer = request.answer.filter(|answer| match &answer.policy {
            Some(name) => name == policy.name,
            None => steps.is_empty(),
        });
        let DecisionRequest { event, now, trace, .. } = request;
        let input = PluginInput { event, settings: policy.settings, now, trace, answer };
        let guard = new_guard(policy.plugin, &input, context.directory.clone());
        let mut step = run_policy(*policy, &input, wrap(guard), context.on_failure);
        if context.can_prompt {
            note_prompt(&mut step, &input);
        }
        note_check(&mut step, &input, context.user_keeper);
        // After an error no later policy acts either: the directory did not
        // answer, or a link was not made.
        let met_error = step.outcome.reasons.iter().any(|reason| reason.level == Level::Error);
        let is_last = met_error || !matches!(step.outcome.decision, Decision::Proceed);
        steps.push(step);
        if is_last {
            break;
        }
    }
    steps
}

/// Merges the policies' outcomes: the last one's decision, and the reasons and
/// traces of all.
fn merge_outcomes<A>(steps: &[PolicyRun<A>]) -> Outcome {
    let Some((last, before)) = steps.split_last() else {
        return Outcome {
            decision: Decision::Proceed,
            reasons: Vec::new(),
            trace: Vec::new(),
            counterfactual: None,
        };
    };
    let mut outcome = last.outcome.clone();
    if before.is_empty() {
        return outcome;
    }
    outcome.reasons.extend(before.iter().flat_map(|step| step.outcome.reasons.iter().cloned()));
    let named = |step: &PolicyRun<A>| {
        let name = step.policy.clone();
        let verdicts = step.outcome.trace.clone().into_iter();
        verdicts.map(move |verdict| RuleVerdict { rule: format!("{name}: {}", verdict.rule), ..verdict })
    };
    outcome.trace = steps.iter().flat_map(named).collect();
    outcome
}
