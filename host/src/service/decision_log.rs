//! The log lines of one policy's decision.

use crate::decide::{OnFailure, PolicyRun};
use crate::guard::Guard;
use crate::model::{Level, mask_addresses, truncate};
use crate::sandbox::{LogLevel, LogLine};

/// The maximum length of a failure in a log line, in bytes. The message of a panic may be longer.
const FAILURE: usize = 1 << 10;

/// The maximum number of lines of a plugin's output that are logged per login. The last lines are
/// kept, because exceptions are reported there.
const OUTPUT_LINES: usize = 20;

/// The maximum length of such a line, in bytes.
const OUTPUT_LINE: usize = 1 << 10;

/// Logs a policy's failure, the errors that it met, the refusals of its guard, its own log and its output.
pub(crate) fn log_policy_run(step: &PolicyRun<Guard>, user: &str, on_failure: OnFailure) {
    let policy = step.policy.as_str();
    if let Some(failure) = &step.failure {
        let failure = failure.to_string();
        tracing::error!(
            target: "audit", user, policy, failure = %truncate(&mask_addresses(&failure), FAILURE),
            on_failure = ?on_failure, "the plugin failed"
        );
    }
    // The detail names the cause, such as the directory's error with its correlation id.
    for reason in step.outcome.reasons.iter().filter(|reason| reason.level == Level::Error) {
        tracing::error!(
            target: "audit", user, policy, code = reason.code.as_str(),
            detail = %truncate(&mask_addresses(&reason.detail), FAILURE), "the decision met an error"
        );
    }
    for refusal in &step.refusals {
        let refusal = serde_json::to_string(refusal).unwrap_or_default();
        tracing::warn!(
            target: "audit", user, policy, refusal = %mask_addresses(&refusal), "the guard refused"
        );
    }
    for LogLine { level, message } in &step.log {
        let message = mask_addresses(message);
        match level {
            LogLevel::Debug => tracing::debug!(target: "plugin", user, policy, "{message}"),
            LogLevel::Info => tracing::info!(target: "plugin", user, policy, "{message}"),
            LogLevel::Warn => tracing::warn!(target: "plugin", user, policy, "{message}"),
            LogLevel::Error => tracing::error!(target: "plugin", user, policy, "{message}"),
        }
    }
    for (stream, written) in [("stdout", &step.output.stdout), ("stderr", &step.output.stderr)] {
        let lines: Vec<&str> = written.lines().filter(|line| !line.trim().is_empty()).collect();
        let (left_out, last) = lines.split_at(lines.len().saturating_sub(OUTPUT_LINES));
        if !left_out.is_empty() {
            let left_out = left_out.len();
            tracing::info!(target: "plugin", user, policy, stream, left_out, "earlier lines are left out");
        }
        for line in last {
            let line = mask_addresses(line);
            tracing::info!(target: "plugin", user, policy, stream, "{}", truncate(&line, OUTPUT_LINE));
        }
    }
}
