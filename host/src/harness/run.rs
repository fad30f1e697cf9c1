//! Running a case.

use std::sync::Arc;
use std::time::Duration;

use super::case::Case;
use super::changes::find_changes;
use super::hints::try_hints;
use super::recorder::Recorder;
use super::report::{Cost, PluginInfo, PolicySummary, Report};
use crate::ambient::Ambient;
use crate::decide::{
    DecisionContext, DecisionRequest, FinalUser, LoginDecision, OnFailure, Policy, PolicyRun, UserKeeper,
    decide_login,
};
use crate::directory::{Administration, Directory, Memory};
use crate::model::{ApiError, User, mask_addresses};
use crate::reading::InputError;
use crate::recording::{RecordedLogin, decide_and_record};
use crate::sandbox::{CONTRACT, Plugin};

/// Decides a case's login by one plugin with the case's own policy document, in a
/// directory of the case's users.
///
/// # Errors
///
/// When the directory does not accept the login.
pub fn run_case(plugin: &Plugin, case: &Case, trace: bool) -> Result<Report, InputError> {
    let settings = case.policy.settings();
    run_case_by_policies(&[Policy { name: plugin.name(), plugin, settings: &settings }], case, trace)
}

/// Decides a case's login by policies in order, in a directory of the case's users. The
/// case's own policy document is ignored.
///
/// # Errors
///
/// When the directory does not accept the login.
pub fn run_case_by_policies(policies: &[Policy], case: &Case, trace: bool) -> Result<Report, InputError> {
    let (memory, case) = case.arrive()?;
    let memory = Arc::new(memory);
    let before = memory.users();
    let directory = Arc::new(case.faulty_directory(memory.clone()));
    let (report, final_user) = decide_case(policies, &case, directory, trace);
    if let FinalUser::Unknown(error) = final_user {
        return Err(InputError::for_file(&case.file, mask_addresses(&error.to_string())));
    }
    let report = add_hints(report, policies, &case, &before);
    Ok(Report { changes: find_changes(&before, &memory.users()), ..report }.with_masked_addresses())
}

/// Decides a case's login as [`run_case_by_policies`] does, and records it.
///
/// # Errors
///
/// When the directory does not accept the login.
pub fn record_case(policies: &[Policy], case: &Case) -> Result<RecordedLogin, InputError> {
    let (memory, case) = case.arrive()?;
    let directory = Arc::new(case.faulty_directory(Arc::new(memory)));
    let request =
        DecisionRequest { event: &case.event, now: case.now, trace: false, answer: case.answer.as_ref() };
    let context = DecisionContext {
        directory,
        on_failure: OnFailure::Proceed,
        can_prompt: true,
        user_keeper: UserKeeper::Directory,
    };
    Ok(decide_and_record(policies, request, context).1)
}

/// The result of running a case in a real directory.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryRun {
    /// The report.
    pub report: Report,
    /// The user that the login continues as; none if the login was denied or the user
    /// is gone.
    pub user_id: Option<String>,
}

/// Decides a case's login in a directory at which it has arrived. The case's own users
/// and faults are ignored.
///
/// # Errors
///
/// When the directory cannot be read before or after the decision.
pub fn run_case_in_directory(
    policies: &[Policy],
    case: &Case,
    directory: &Arc<dyn Administration>,
    trace: bool,
) -> Result<DirectoryRun, ApiError> {
    let user = &case.event.user;
    let mut concerned = match &user.email {
        Some(email) => directory.find_by_both_cases(email, MAX_CONCERNED)?,
        None => Vec::new(),
    };
    if concerned.iter().all(|stored| stored.user.user_id != user.user_id) {
        match directory.get(&user.user_id) {
            Ok(stored) => concerned.push(stored),
            // The user was linked or removed since the login arrived.
            Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let before: Vec<Arc<User>> = concerned.into_iter().map(|stored| stored.user).collect();

    let (report, final_user) = decide_case(policies, case, directory.clone(), trace);
    let report = add_hints(report, policies, case, &before);
    let user_id = match final_user {
        FinalUser::User(user) => Some(user.user_id.clone()),
        FinalUser::Denied | FinalUser::Gone => None,
        FinalUser::Unknown(error) => return Err(error),
    };

    let mut after = Vec::new();
    for user in &before {
        match directory.get(&user.user_id) {
            Ok(stored) => after.push(stored.user),
            Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let report = Report { changes: find_changes(&before, &after), ..report }.with_masked_addresses();
    Ok(DirectoryRun { report, user_id })
}

/// The most users of one address whose changes are reported.
const MAX_CONCERNED: usize = 100;

/// Decides the login, and reports on it without changes and hints.
fn decide_case(
    policies: &[Policy],
    case: &Case,
    directory: Arc<dyn Directory>,
    trace: bool,
) -> (Report, FinalUser) {
    let request = DecisionRequest { event: &case.event, now: case.now, trace, answer: case.answer.as_ref() };
    let context = DecisionContext {
        directory,
        on_failure: OnFailure::Proceed,
        can_prompt: true,
        user_keeper: UserKeeper::Directory,
    };

    let ambient = policies.first().map(|it| it.plugin.ambient());
    let start = ambient.map(Ambient::monotonic);
    let decision = decide_login(policies, request, Recorder::wrap, context);
    let LoginDecision { outcome, steps, overtaken, final_user, .. } = decision;
    let time = ambient.zip(start).map_or(Duration::ZERO, |(ambient, start)| ambient.elapsed(start));

    let deciding = steps.len().checked_sub(1).and_then(|last| policies.get(last));
    let mut report = Report {
        policies: summarise_policies(policies, &steps),
        policy_sha256: deciding.map(|it| it.settings.sha256().to_string()),
        plugin: deciding.map(|it| PluginInfo {
            name: it.plugin.name().to_owned(),
            contract: CONTRACT.to_owned(),
            sha256: it.plugin.sha256().to_owned(),
        }),
        ..Report::from_outcome(outcome)
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
    (Report { cost: Some(cost), ..report }, final_user)
}

/// Adds hints to a report. Each change of the settings is tried on the users as they
/// were before the login.
fn add_hints(report: Report, policies: &[Policy], case: &Case, before: &[Arc<User>]) -> Report {
    try_hints(report, policies, &|policies| {
        let users = Memory::with_users(&case.ambient(), before.iter().map(|user| User::clone(user)));
        decide_case(policies, case, Arc::new(case.faulty_directory(Arc::new(users))), true).0
    })
}

/// Summarises each policy if there are several.
fn summarise_policies(policies: &[Policy], steps: &[PolicyRun<Recorder>]) -> Vec<PolicySummary> {
    if policies.len() < 2 {
        return Vec::new();
    }
    let ran = steps.iter().map(PolicySummary::from_run);
    let rest = policies.iter().skip(steps.len()).map(|policy| PolicySummary::new_not_run(policy.name));
    ran.chain(rest).collect()
}
