//! Runs a case.

use std::sync::Arc;
use std::time::Instant;

use super::case::Case;
use super::changes::changes;
use super::faults::Faulty;
use super::input::InputError;
use super::recorder::Recorder;
use super::report::{Cost, PluginInfo, Report};
use crate::decide::{OnFailure, decide_around, guard};
use crate::directory::{Administration, Directory};
use crate::login::{ApiError, Decision, User};
use crate::sandbox::{CONTRACT, Plugin, Question};

/// Decides a case's login in a directory of its own, at which it arrives as at
/// any other, and tells what happened from then on.
///
/// # Errors
///
/// When the login does not arrive.
pub fn run(plugin: &Plugin, case: &Case, trace: bool) -> Result<Report, InputError> {
    let (memory, case) = case.arrived()?;
    let memory = Arc::new(memory);
    let before = memory.users();
    let directory = Arc::new(Faulty::new(memory.clone(), &case));
    let report = decided(plugin, &case, directory, trace);
    Ok(Report { changes: changes(&before, &memory.users()), ..report }.masked())
}

/// What came of a login in a real directory.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedIn {
    /// What happened.
    pub report: Report,
    /// The user that the login goes on as; none if it was denied.
    pub user_id: Option<String>,
}

/// Decides a case's login in this directory, at which it has arrived, and tells
/// what happened. The case's own users and faults do not matter.
///
/// # Errors
///
/// When the directory cannot be read before or afterwards.
pub fn run_on(
    plugin: &Plugin,
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
        concerned.push(directory.get(&user.user_id)?);
    }
    let before: Vec<Arc<User>> = concerned.into_iter().map(|stored| stored.user).collect();

    let report = decided(plugin, case, directory.clone(), trace);

    let mut after = Vec::new();
    for user in &before {
        match directory.get(&user.user_id) {
            Ok(stored) => after.push(stored.user),
            Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let user_id = match &report.decision {
        Decision::Deny { .. } => None,
        Decision::Linked { primary } => Some(primary.clone()),
        Decision::Proceed | Decision::Suggest { .. } => Some(user.user_id.clone()),
    };
    let report = Report { changes: changes(&before, &after), ..report }.masked();
    Ok(LoggedIn { report, user_id })
}

/// Users of one address whose changes are told.
const CONCERNED: usize = 100;

fn decided(plugin: &Plugin, case: &Case, directory: Arc<dyn Directory>, trace: bool) -> Report {
    let settings = case.policy.settings();
    let question = Question {
        event: &case.event,
        settings: &settings,
        now: case.now,
        trace,
        answer: case.answer.as_ref(),
    };
    let recorder = Recorder::around(guard(plugin, &question, directory));

    let start = Instant::now();
    let decided = decide_around(plugin, &question, recorder, OnFailure::Proceed);
    let time = start.elapsed();

    Report {
        failure: decided.failure.map(|failure| failure.to_string()),
        refusals: decided.refusals,
        calls: decided.api.finish(),
        log: decided.log,
        output: decided.output,
        policy_sha256: Some(settings.sha256().to_string()),
        plugin: Some(PluginInfo {
            name: plugin.name().to_owned(),
            contract: CONTRACT.to_owned(),
            sha256: plugin.sha256().to_owned(),
        }),
        cost: Some(Cost {
            fuel: decided.used.fuel,
            memory_bytes: decided.used.memory_bytes,
            host_calls: decided.used.host_calls,
            time_us: u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
        }),
        ..Report::of(decided.outcome)
    }
}
