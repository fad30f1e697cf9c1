//! One login, from the question to the checked answer: each policy's plugin in
//! its sandbox, the guard before the directory, and once more whose the login
//! is.

mod overtaken;

use std::sync::Arc;

use crate::directory::Directory;
use crate::guard::{Guard, Login, Refusal};
use crate::model::{Answer, Decision, Level, LoginEvent, ManagementApi, Outcome, Reason, Timestamp, Verdict};
use crate::sandbox::{Failure, Finished, LogLine, Plugin, PluginOutput, Question, Settings, Used};

pub use overtaken::{GoesOnAs, Round, Settled, until_settled};

/// One policy of a login: a plugin and its settings.
#[derive(Clone, Copy)]
pub struct Policy<'a> {
    /// Its name in messages and in the trace.
    pub name: &'a str,
    /// The plugin.
    pub plugin: &'a Plugin,
    /// Its settings.
    pub settings: &'a Settings,
}

/// A login that is to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Undecided<'a> {
    /// The event.
    pub event: &'a Arc<LoginEvent>,
    /// The login's time.
    pub now: Timestamp,
    /// Whether the trace is wanted.
    pub trace: bool,
    /// The answer of the user who was asked; none at first.
    pub answer: Option<&'a Answer>,
}

/// One policy's decision, and everything that belongs to it.
#[derive(Debug)]
pub struct Decided<A> {
    /// The policy's name.
    pub policy: String,
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

/// A login's decision: that of the first policy that does not let it proceed.
#[derive(Debug)]
pub struct DecidedInOrder<A> {
    /// The end of the login. The deciding policy's reasons come first, then
    /// those of the policies before it.
    pub outcome: Outcome,
    /// The policies that were asked, in order; the last one has decided.
    pub steps: Vec<Decided<A>>,
    /// The policies that were asked before, of accounts that are others by now.
    pub overtaken: Vec<Decided<A>>,
    /// The user that the login goes on as.
    pub goes_on_as: GoesOnAs,
}

/// Asks policies in order until one does not let the login proceed. One that
/// fails ends the row as well: no later policy acts on a login that an earlier
/// one has not judged. `around` puts something around each policy's guard.
///
/// Then the directory is asked again whose the login is. If another login has
/// linked the accounts meanwhile, this one is decided again as that of whoever
/// has the identity now, and is `linked` if the policies let it proceed.
pub fn decide_in_order<A: AroundGuard>(
    policies: &[Policy],
    login: Undecided,
    around: impl Fn(Guard) -> A,
    on: On,
) -> DecidedInOrder<A> {
    let ask = |event: &Arc<LoginEvent>, is_first| {
        // The answer was given before the accounts were others.
        let answer = login.answer.filter(|_| is_first);
        let steps = ask_in_order(policies, Undecided { event, answer, ..login }, &around, &on);
        let lost = steps.iter().flat_map(|step| step.api.guard().lost()).cloned().collect();
        Round { outcome: merge(&steps), lost, asked: steps }
    };
    let Settled { outcome, asked: steps, overtaken, goes_on_as } =
        until_settled(login.event, &*on.directory, ask);
    DecidedInOrder { outcome, steps, overtaken: overtaken.into_iter().flatten().collect(), goes_on_as }
}

fn ask_in_order<A: AroundGuard>(
    policies: &[Policy],
    login: Undecided,
    around: impl Fn(Guard) -> A,
    on: &On,
) -> Vec<Decided<A>> {
    let mut steps: Vec<Decided<A>> = Vec::with_capacity(policies.len());
    for policy in policies {
        // The answer is to the policy that has asked.
        let asked = login.answer.filter(|answer| match &answer.policy {
            Some(name) => name == policy.name,
            None => steps.is_empty(),
        });
        let Undecided { event, now, trace, .. } = login;
        let question = Question { event, settings: policy.settings, now, trace, answer: asked };
        let guard = guard(policy.plugin, &question, on.directory.clone());
        let decided = decide_around(*policy, &question, around(guard), on.failure);
        // Neither does one act where the policy before it met an error: the
        // directory did not answer, or a link was not made.
        let met_error = decided.outcome.reasons.iter().any(|reason| reason.level == Level::Error);
        let is_last = met_error || !matches!(decided.outcome.decision, Decision::Proceed);
        steps.push(decided);
        if is_last {
            break;
        }
    }
    steps
}

/// The directory of a login, and the end of a login whose plugin fails.
#[derive(Clone)]
pub struct On {
    /// The directory.
    pub directory: Arc<dyn Directory>,
    /// The end of a login whose plugin fails.
    pub failure: OnFailure,
}

fn merge<A>(steps: &[Decided<A>]) -> Outcome {
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
    let named = |step: &Decided<A>| {
        let name = step.policy.clone();
        let verdicts = step.outcome.trace.clone().into_iter();
        verdicts.map(move |verdict| Verdict { rule: format!("{name}: {}", verdict.rule), ..verdict })
    };
    outcome.trace = steps.iter().flat_map(named).collect();
    outcome
}

/// Decides one login by one plugin.
pub fn decide(
    plugin: &Plugin,
    question: &Question,
    directory: Arc<dyn Directory>,
    on_failure: OnFailure,
) -> Decided<Guard> {
    let policy = Policy { name: plugin.name(), plugin, settings: question.settings };
    decide_around(policy, question, guard(plugin, question, directory), on_failure)
}

/// The guard of one login.
fn guard(plugin: &Plugin, question: &Question, directory: Arc<dyn Directory>) -> Guard {
    let login = Login {
        event: question.event.clone(),
        now: question.now,
        proof: question.answer.and_then(|answer| answer.proof.clone()),
        plugin: plugin.version().clone(),
        policy_sha256: question.settings.sha256().clone(),
    };
    Guard::new(directory, login, plugin.limits())
}

/// Asks one policy, with something around its guard.
fn decide_around<A: AroundGuard>(
    policy: Policy,
    question: &Question,
    around: A,
    on_failure: OnFailure,
) -> Decided<A> {
    let Finished { answer, log, output, used, api } = policy.plugin.ask(question, around);
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
    Decided { policy: policy.name.to_owned(), outcome, failure, refusals, log, output, used, api }
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
