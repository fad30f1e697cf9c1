//! One login, from the question to the checked answer: the plugin in its
//! sandbox, the guard before the directory.

use std::sync::Arc;

use crate::directory::Directory;
use crate::guard::{Guard, Login, Refusal};
use crate::login::{Decision, Level, ManagementApi, Outcome, Reason};
use crate::sandbox::{Failure, Finished, LogLine, Plugin, PluginOutput, Question, Used};

/// One login's decision, and everything that belongs to it.
#[derive(Debug)]
pub struct Decided<A> {
    /// What becomes of the login. Where the plugin failed, what the operator
    /// has chosen for that, with the reason `PLUGIN_FAILED`.
    pub outcome: Outcome,
    /// Why the plugin gave no valid answer, if it did not.
    pub failure: Option<Failure>,
    /// What the guard refused.
    pub refusals: Vec<Refusal>,
    /// What the plugin wrote to its log.
    pub log: Vec<LogLine>,
    /// The plugin's standard output and standard error.
    pub output: PluginOutput,
    /// What the plugin used up.
    pub used: Used,
    /// What stood around the guard.
    pub api: A,
}

/// What becomes of a login whose plugin fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It goes on, unlinked.
    #[default]
    Proceed,
    /// It ends.
    Deny,
}

/// Something that stands around a guard, such as a recorder.
pub trait AroundGuard: ManagementApi {
    /// The guard within.
    fn guard(&self) -> &Guard;
}

impl AroundGuard for Guard {
    fn guard(&self) -> &Guard {
        self
    }
}

/// Decides one login with this directory.
pub fn decide(
    plugin: &Plugin,
    question: &Question,
    directory: Arc<dyn Directory>,
    on_failure: OnFailure,
) -> Decided<Guard> {
    decide_around(plugin, question, guard(plugin, question, directory), on_failure)
}

/// The guard of one login.
#[must_use]
pub fn guard(plugin: &Plugin, question: &Question, directory: Arc<dyn Directory>) -> Guard {
    let login = Login {
        event: question.event.clone(),
        now: question.now,
        proof: question.answer.and_then(|answer| answer.proof.clone()),
        plugin: plugin.version().clone(),
        policy_sha256: question.settings.sha256().clone(),
    };
    Guard::new(directory, login, plugin.limits())
}

/// Decides one login, with something around its guard.
pub fn decide_around<A: AroundGuard>(
    plugin: &Plugin,
    question: &Question,
    around: A,
    on_failure: OnFailure,
) -> Decided<A> {
    let Finished { answer, log, output, used, api } = plugin.ask(question, around);
    let guard = api.guard();
    let checked = answer.and_then(|outcome| match guard.check(&outcome) {
        Ok(()) => Ok(outcome),
        Err(what) => Err(Failure::InvalidAnswer(what)),
    });
    let (mut outcome, failure) = match checked {
        // Whoever did not ask takes a trace for one that was asked for.
        Ok(outcome) if !question.trace => {
            (Outcome { trace: Vec::new(), counterfactual: None, ..outcome }, None)
        }
        Ok(outcome) => (outcome, None),
        Err(failure) => (after_failure(&failure, guard, on_failure), Some(failure)),
    };
    if let Decision::Suggest { .. } = &outcome.decision
        && let Err(error) = guard.note_prompt()
    {
        outcome.reasons.push(Reason {
            code: "PROMPT_NOT_COUNTED".to_owned(),
            level: Level::Error,
            subject: vec![question.event.user.user_id.clone()],
            detail: format!("That the user is asked could not be written down: {error}."),
        });
    }
    let refusals = guard.audit().to_vec();
    Decided { outcome, failure, refusals, log, output, used, api }
}

/// The login goes on as what the directory now says it is: a link that was made
/// before the plugin failed is whole and stays.
fn after_failure(failure: &Failure, guard: &Guard, on_failure: OnFailure) -> Outcome {
    let (decision, so) = match (on_failure, guard.linked()) {
        (OnFailure::Deny, _) => {
            let message = "The login could not be completed. Please try again later.".to_owned();
            (Decision::Deny { message }, "the login is denied")
        }
        (OnFailure::Proceed, Some(primary)) => {
            (Decision::Linked { primary: primary.to_owned() }, "the link that it had made stays")
        }
        (OnFailure::Proceed, None) => (Decision::Proceed, "the login goes on unlinked"),
    };
    let reason = Reason {
        code: "PLUGIN_FAILED".to_owned(),
        level: Level::Error,
        subject: Vec::new(),
        detail: format!("The plugin {failure}; {so}."),
    };
    Outcome { decision, reasons: vec![reason], trace: Vec::new(), counterfactual: None }
}
