//! Runs a case.

use std::sync::Arc;
use std::time::Instant;

use super::case::Case;
use super::changes::changes;
use super::faults::Faulty;
use super::recorder::Recorder;
use super::report::{Cost, PluginInfo, Report};
use crate::decide::{OnFailure, decide_around};
use crate::directory::Directory;
use crate::guard::Guard;
use crate::sandbox::{CONTRACT, Plugin, Question};

/// Decides a case's login in a directory of its own, and tells what happened.
#[must_use]
pub fn run(plugin: &Plugin, case: &Case, trace: bool) -> Report {
    let memory = Arc::new(case.directory());
    let before = memory.users();
    let directory: Arc<dyn Directory> = if case.faults.is_empty() {
        memory.clone()
    } else {
        Arc::new(Faulty::new(memory.clone(), case.faults.clone()))
    };
    let question = Question {
        event: &case.event,
        settings: &case.policy.text,
        now: case.now,
        trace,
        answer: case.answer.as_ref(),
    };
    let recorder = Recorder::around(Guard::new(directory, case.event.clone(), case.now, plugin.limits()));

    let start = Instant::now();
    let decided = decide_around(plugin, &question, recorder, OnFailure::Proceed);
    let time = start.elapsed();

    let report = Report {
        failure: decided.failure.map(|failure| failure.to_string()),
        refusals: decided.refusals,
        calls: decided.api.calls,
        log: decided.log,
        changes: changes(&before, &memory.users()),
        policy_sha256: Some(case.policy.sha256()),
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
    };
    report.masked()
}
