//! One policy's decision on one login.

use std::sync::Arc;

use ligature_linking_marks::checked;
use serde::Deserialize;

use super::user_keeper::UserKeeper;
use crate::directory::Directory;
use crate::guard::{Guard, GuardedLogin, Refusal};
use crate::model::{Decision, HostCalls, Level, Metadata, Outcome, Reason};
use crate::sandbox::{
    Failure, LogLine, Plugin, PluginInput, PluginOutput, PluginRun, ResourceUsage, Settings,
};

/// One policy of a login: a plugin and its settings.
#[derive(Clone, Copy)]
pub struct Policy<'a> {
    /// The policy's name in messages and in the trace.
    pub name: &'a str,
    /// The plugin.
    pub plugin: &'a Plugin,
    /// The plugin's settings.
    pub settings: &'a Settings,
}

/// One policy's decision, and everything that belongs to it.
#[derive(Debug)]
pub struct PolicyRun<A> {
    /// The policy's name.
    pub policy: String,
    /// The outcome of the login. If the plugin failed, the one that [`OnFailure`]
    /// gives, with the reason `PLUGIN_FAILED`.
    pub outcome: Outcome,
    /// The reason why the plugin gave no valid outcome, if it did not.
    pub failure: Option<Failure>,
    /// The guard's refusals.
    pub refusals: Vec<Refusal>,
    /// The plugin's log lines.
    pub log: Vec<LogLine>,
    /// The plugin's standard output and standard error.
    pub output: PluginOutput,
    /// The resources that the plugin used.
    pub used: ResourceUsage,
    /// The keys of `app_metadata` that a tenant of Auth0 has to write.
    pub app_metadata: Option<Metadata>,
    /// The wrapper passed in, such as a recorder, with the guard in it.
    pub api: A,
}

/// The outcome of a login whose plugin fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The login proceeds, unlinked.
    #[default]
    Proceed,
    /// The login is denied.
    Deny,
}

/// A wrapper around a guard, such as a recorder of its calls.
pub trait GuardWrapper: HostCalls {
    /// Returns the guard within.
    fn guard(&self) -> &Guard;
}

impl GuardWrapper for Guard {
    fn guard(&self) -> &Guard {
        self
    }
}

/// Decides one login by one plugin.
pub fn decide_by_plugin(
    plugin: &Plugin,
    input: &PluginInput,
    directory: Arc<dyn Directory>,
    on_failure: OnFailure,
) -> PolicyRun<Guard> {
    let policy = Policy { name: plugin.name(), plugin, settings: input.settings };
    let mut run = run_policy(policy, input, new_guard(plugin, input, directory), on_failure);
    note_prompt(&mut run, input);
    note_check(&mut run, input, UserKeeper::Directory);
    run
}

/// Creates the guard of one login for one plugin.
pub(super) fn new_guard(plugin: &Plugin, input: &PluginInput, directory: Arc<dyn Directory>) -> Guard {
    let limits = plugin.limits();
    let directory = directory.for_login(limits.deadline()).unwrap_or(directory);
    let login = GuardedLogin {
        event: input.event.clone(),
        now: input.now,
        proof: input.answer.and_then(|answer| answer.proof.clone()),
        plugin: plugin.version().clone(),
        policy_sha256: input.settings.sha256().clone(),
    };
    Guard::new(directory, login, limits)
}

/// Runs one policy's plugin behind a guard, and checks its outcome.
pub(super) fn run_policy<A: GuardWrapper>(
    policy: Policy,
    input: &PluginInput,
    wrapped_guard: A,
    on_failure: OnFailure,
) -> PolicyRun<A> {
    let PluginRun { outcome, log, output, used, api } = policy.plugin.run(input, wrapped_guard);
    let guard = api.guard();
    let checked = outcome.and_then(|outcome| match guard.check_outcome(&outcome) {
        Ok(()) => Ok(outcome),
        Err(fault) => Err(Failure::InvalidAnswer(fault)),
    });
    let (outcome, failure) = match checked {
        // A trace that was not requested is dropped: its reader would take it for
        // one that was.
        Ok(outcome) if !input.trace => (Outcome { trace: Vec::new(), counterfactual: None, ..outcome }, None),
        Ok(outcome) => (outcome, None),
        Err(failure) => (outcome_after_failure(&failure, guard, on_failure), Some(failure)),
    };
    let refusals = guard.refusals().to_vec();
    let policy = policy.name.to_owned();
    PolicyRun { policy, outcome, failure, refusals, log, output, used, app_metadata: None, api }
}

/// Records that the user is prompted, if the policy suggests it. A failure to record it
/// becomes a reason.
pub(super) fn note_prompt<A: GuardWrapper>(run: &mut PolicyRun<A>, input: &PluginInput) {
    if let Decision::Suggest { .. } = &run.outcome.decision
        && let Err(error) = run.api.guard().note_prompt()
    {
        run.outcome.reasons.push(Reason {
            code: "PROMPT_NOT_COUNTED".to_owned(),
            level: Level::Error,
            subject: vec![input.event.user.user_id.clone()],
            detail: format!("The prompt could not be recorded: {error}."),
        });
    }
}

/// Marks the login's user as checked, if the policy lets the login proceed and asks for it.
/// A failure to mark becomes a reason.
pub(super) fn note_check<A: GuardWrapper>(run: &mut PolicyRun<A>, input: &PluginInput, keeper: UserKeeper) {
    let is_wanted = run.outcome.reasons.iter().any(|reason| reason.code == checked::REASON);
    if !is_wanted || !matches!(run.outcome.decision, Decision::Proceed) {
        return;
    }
    let (guard, settings) = (run.api.guard(), input.settings.text());
    let marked = match keeper {
        UserKeeper::Directory => guard.note_check(settings),
        UserKeeper::Tenant => guard.plan_check_mark(settings).map(|patch| run.app_metadata = Some(patch)),
    };
    if let Err(error) = marked {
        run.outcome.reasons.push(Reason {
            code: "CHECK_NOT_NOTED".to_owned(),
            level: Level::Finding,
            subject: vec![input.event.user.user_id.clone()],
            detail: format!("The account could not be marked as checked: {error}."),
        });
    }
}

/// The outcome after a plugin failed. A link that was made before the failure is
/// complete, and stays.
fn outcome_after_failure(failure: &Failure, guard: &Guard, on_failure: OnFailure) -> Outcome {
    let (decision, so) = match (on_failure, guard.linked()) {
        (OnFailure::Deny, _) => {
            let message = "The login could not be completed. Please try again later.".to_owned();
            (Decision::Deny { message }, "the login is denied")
        }
        (OnFailure::Proceed, Some(primary)) => {
            (Decision::Linked { primary: primary.to_owned() }, "the link that it made remains")
        }
        (OnFailure::Proceed, None) => (Decision::Proceed, "the login continues without a link"),
    };
    let reason = Reason {
        code: "PLUGIN_FAILED".to_owned(),
        level: Level::Error,
        subject: Vec::new(),
        detail: format!("The plugin {failure}; {so}."),
    };
    Outcome { decision, reasons: vec![reason], trace: Vec::new(), counterfactual: None }
}
