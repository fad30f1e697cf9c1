//! Runs a case.

use std::sync::Arc;
use std::time::Duration;

use super::case::Case;
use super::changes::changes;
use super::faults::Faulty;
use super::hints;
use super::recorder::Recorder;
use super::report::{Cost, PluginInfo, PolicyVerdict, Report};
use crate::ambient::Ambient;
use crate::decide::{Decided, DecidedInOrder, GoesOnAs, On, OnFailure, Policy, Undecided, decide_in_order};
use crate::directory::{Administration, Directory, Memory};
use crate::model::{ApiError, User, mask_addresses};
use crate::reading::InputError;
use crate::sandbox::{CONTRACT, Plugin};

/// Decides a case's login in a directory of its own, at which it arrives as at
/// any other, and tells what happened from then on.
///
/// # Errors
///
/// When the login does not arrive.
pub fn run(plugin: &Plugin, case: &Case, trace: bool) -> Result<Report, InputError> {
    let settings = case.policy.settings();
    run_in_order(&[Policy { name: plugin.name(), plugin, settings: &settings }], case, trace)
}

/// The same by policies in order. The case's own policy does not matter.
///
/// # Errors
///
/// When the login does not arrive.
pub fn run_in_order(policies: &[Policy], case: &Case, trace: bool) -> Result<Report, InputError> {
    let (memory, case) = case.arrived()?;
    let memory = Arc::new(memory);
    let before = memory.users();
    let directory = Arc::new(Faulty::new(memory.clone(), &case));
    let (report, goes_on_as) = decided(policies, &case, directory, trace);
    if let GoesOnAs::Unknown(error) = goes_on_as {
        return Err(InputError::whole(&case.file, mask_addresses(&error.to_string())));
    }
    let report = with_hints(report, policies, &case, &before);
    Ok(Report { changes: changes(&before, &memory.users()), ..report }.masked())
}

/// What came of a login in a real directory.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedIn {
    /// What happened.
    pub report: Report,
    /// The user that the login goes on as; none if it was denied, or the user
    /// is gone.
    pub user_id: Option<String>,
}

/// Decides a case's login in this directory, at which it has arrived, and tells
/// what happened. The case's own users and faults do not matter.
///
/// # Errors
///
/// When the directory cannot be read before or afterwards.
pub fn run_on(
    policies: &[Policy],
    case: &Case,
    directory: &Arc<dyn Administration>,
    trace: bool,
) -> Result<LoggedIn, ApiError> {
    let user = &case.event.user;
    let mut concerned = match &user.email {
        Some(email) => directory.find_by_email(email, CONCERNED)?,
        None => Vec::new(),
    };
    if concerned.iter().all(|stored| stored.user.user_id != user.user_id) {
        match directory.get(&user.user_id) {
            Ok(stored) => concerned.push(stored),
            // Linked or removed since it arrived.
            Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let before: Vec<Arc<User>> = concerned.into_iter().map(|stored| stored.user).collect();

    let (report, goes_on_as) = decided(policies, case, directory.clone(), trace);
    let report = with_hints(report, policies, case, &before);
    let user_id = match goes_on_as {
        GoesOnAs::User(user) => Some(user.user_id.clone()),
        GoesOnAs::Nobody | GoesOnAs::Gone => None,
        GoesOnAs::Unknown(error) => return Err(error),
    };

    let mut after = Vec::new();
    for user in &before {
        match directory.get(&user.user_id) {
            Ok(stored) => after.push(stored.user),
            Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let report = Report { changes: changes(&before, &after), ..report }.masked();
    Ok(LoggedIn { report, user_id })
}

/// Users of one address whose changes are told.
const CONCERNED: usize = 100;

fn decided(
    policies: &[Policy],
    case: &Case,
    directory: Arc<dyn Directory>,
    trace: bool,
) -> (Report, GoesOnAs) {
    let login = Undecided { event: &case.event, now: case.now, trace, answer: case.answer.as_ref() };
    let on = On { directory, failure: OnFailure::Proceed };

    let ambient = policies.first().map(|it| it.plugin.ambient());
    let start = ambient.map(Ambient::monotonic);
    let decided = decide_in_order(policies, login, Recorder::around, on);
    let DecidedInOrder { outcome, steps, overtaken, goes_on_as } = decided;
    let time = ambient.zip(start).map_or(Duration::ZERO, |(ambient, start)| ambient.elapsed(start));

    let deciding = steps.len().checked_sub(1).and_then(|last| policies.get(last));
    let mut report = Report {
        policies: verdicts(policies, &steps),
        policy_sha256: deciding.map(|it| it.settings.sha256().to_string()),
        plugin: deciding.map(|it| PluginInfo {
            name: it.plugin.name().to_owned(),
            contract: CONTRACT.to_owned(),
            sha256: it.plugin.sha256().to_owned(),
        }),
        ..Report::of(outcome)
    };
    let mut cost = Cost { time_us: u64::try_from(time.as_micros()).unwrap_or(u64::MAX), ..Cost::default() };
    for step in overtaken.into_iter().chain(steps) {
        cost.fuel += step.used.fuel;
        cost.memory_bytes = cost.memory_bytes.max(step.used.memory_bytes);
        cost.host_calls += step.used.host_calls;
        report.failure = step.failure.map(|failure| failure.to_string());
        report.refusals.extend(step.refusals);
        report.calls.extend(step.api.finish());
        report.log.extend(step.log);
        report.output.stdout.push_str(&step.output.stdout);
        report.output.stderr.push_str(&step.output.stderr);
    }
    (Report { cost: Some(cost), ..report }, goes_on_as)
}

/// The report with what changes of the settings come to, each tried on the users
/// as they were before.
fn with_hints(report: Report, policies: &[Policy], case: &Case, before: &[Arc<User>]) -> Report {
    hints::tried(report, policies, &|policies| {
        let users = Memory::with_users(&case.ambient(), before.iter().map(|user| User::clone(user)));
        decided(policies, case, Arc::new(Faulty::new(Arc::new(users), case)), true).0
    })
}

/// The part of each policy, where there are several.
fn verdicts(policies: &[Policy], steps: &[Decided<Recorder>]) -> Vec<PolicyVerdict> {
    if policies.len() < 2 {
        return Vec::new();
    }
    let asked = steps.iter().map(PolicyVerdict::of);
    let rest = policies.iter().skip(steps.len()).map(|policy| PolicyVerdict::not_asked(policy.name));
    asked.chain(rest).collect()
}
