//! Counts of decisions and of the directory's errors, for Prometheus.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::decide::LoginDecision;
use crate::directory::DirectoryState;
use crate::model::Reason;

/// The kind of what is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct KindLabel {
    pub(crate) kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    code: String,
}

/// The counts of decided logins.
#[derive(Default)]
pub(crate) struct DecisionCounts {
    decisions: Family<KindLabel, Counter>,
    reasons: Family<ReasonLabel, Counter>,
    /// The reason codes that are counted by name.
    codes: Mutex<BTreeSet<String>>,
    failures: Counter,
    refusals: Counter,
}

/// The maximum number of reason codes that are counted by name. A custom policy may produce any
/// number of codes; those beyond the limit are counted together.
const CODES: usize = 200;
/// The maximum length of a reason code that is counted by name, in bytes.
const CODE: usize = 64;
/// The label under which all other codes are counted.
const OTHER: &str = "other";

impl DecisionCounts {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("logins", "Logins, by decision", self.decisions.clone());
        registry.register("login_reasons", "Logins, by reason", self.reasons.clone());
        registry.register("plugin_failures", "Logins whose plugin failed", self.failures.clone());
        registry.register(
            "guard_refusals",
            "Calls and outcomes of plugins that the guard refused",
            self.refusals.clone(),
        );
    }

    /// Counts a decided login.
    pub(crate) fn count<A>(&self, decided: &LoginDecision<A>) {
        self.count_runs(decided);
        self.count_decision(decided.outcome.decision.kind());
        self.count_reasons(&decided.outcome.reasons);
    }

    /// Counts the decision of a login, by its kind.
    pub(crate) fn count_decision(&self, kind: &'static str) {
        self.decisions.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts the reasons of a login, each code once.
    pub(crate) fn count_reasons(&self, reasons: &[Reason]) {
        let codes: BTreeSet<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
        for code in codes {
            self.reasons.get_or_create(&ReasonLabel { code: self.bound_code(code).to_owned() }).inc();
        }
    }

    /// Counts the failures and refusals of a login's plugins.
    pub(crate) fn count_runs<A>(&self, decided: &LoginDecision<A>) {
        for step in decided.overtaken.iter().chain(&decided.steps) {
            self.failures.inc_by(u64::from(step.failure.is_some()));
            self.refusals.inc_by(step.refusals.len() as u64);
        }
    }

    fn bound_code<'a>(&self, code: &'a str) -> &'a str {
        let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if code.is_empty() || code.len() > CODE || !code.bytes().all(is_plain) {
            return OTHER;
        }
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        if codes.contains(code) {
            return code;
        }
        if codes.len() >= CODES {
            return OTHER;
        }
        codes.insert(code.to_owned());
        code
    }
}

/// The counts of decisions that a service keeps, and of those that it could not keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptCounts {
    kept: Counter,
    lost: Family<KindLabel, Counter>,
    unopened: Counter,
    /// The lost decisions that the log does not have yet.
    unlogged: Arc<AtomicU64>,
}

impl KeptCounts {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("decisions_kept", "Decisions kept for operators", self.kept.clone());
        registry.register("decisions_lost", "Decisions that could not be kept, by reason", self.lost.clone());
        registry.register(
            "conflicts_not_opened",
            "Conflicts that were not opened, because too many wait for a person",
            self.unopened.clone(),
        );
    }

    pub(crate) fn count_kept(&self, decisions: u64) {
        self.kept.inc_by(decisions);
    }

    pub(crate) fn count_unopened(&self, conflicts: u64) {
        self.unopened.inc_by(conflicts);
    }

    /// Counts decisions that were not kept.
    pub(crate) fn count_lost(&self, kind: &'static str, decisions: u64) {
        self.lost.get_or_create(&KindLabel { kind }).inc_by(decisions);
        self.unlogged.fetch_add(decisions, Ordering::Relaxed);
    }

    /// Returns the number of lost decisions that were not logged yet, and takes them as logged.
    pub(crate) fn take_unlogged(&self) -> u64 {
        self.unlogged.swap(0, Ordering::Relaxed)
    }
}

/// The metrics of the directory, as of the last scrape.
#[derive(Default)]
pub(crate) struct DirectoryGauges {
    unanswered: Family<KindLabel, Counter>,
    repeated: Counter,
    connections: Family<KindLabel, Gauge>,
}

impl DirectoryGauges {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "directory_errors",
            "Failed operations of the directory, by reason",
            self.unanswered.clone(),
        );
        registry.register(
            "directory_repeats",
            "Transactions repeated after a conflict or a lost connection",
            self.repeated.clone(),
        );
        registry.register("directory_connections", "Connections to the database", self.connections.clone());
    }

    /// Sets the metrics to the directory's state.
    pub(crate) fn set(&self, state: &DirectoryState) {
        let reasons = [("unavailable", state.unavailable), ("timed_out", state.timed_out)];
        for (kind, count) in reasons {
            set(&self.unanswered.get_or_create(&KindLabel { kind }), count);
        }
        set(&self.repeated, state.repeated);
        let Some(pool) = state.pool else { return };
        for (kind, count) in [("open", pool.open), ("idle", pool.idle), ("limit", pool.limit)] {
            self.connections.get_or_create(&KindLabel { kind }).set(count.into());
        }
    }
}

fn set(counter: &Counter, count: u64) {
    counter.inner().store(count, Ordering::Relaxed);
}

/// The number of log lines that could not be written.
#[derive(Debug, Clone, Default)]
pub struct MissingLines(Counter);

impl MissingLines {
    /// Adds to the number of lost lines.
    pub fn add(&self, lines: u64) {
        self.0.inc_by(lines);
    }

    /// Returns the number of lost lines.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.get()
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("log_lines_missing", "Lines of the log that could not be written", self.0.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, DecisionCounts};

    #[test]
    fn codes_that_a_policy_makes_up_are_counted_by_name_within_bounds() {
        let metrics = DecisionCounts::default();
        for n in 0..CODES {
            let code = format!("CODE_{n}");
            assert_eq!(metrics.bound_code(&code), code);
        }
        assert_eq!(metrics.bound_code("ONE_MORE"), "other");
        assert_eq!(metrics.bound_code("CODE_7"), "CODE_7");
        let metrics = DecisionCounts::default();
        for odd in ["", "no_capitals", "A\"B", "Ä", &"X".repeat(65)] {
            assert_eq!(metrics.bound_code(odd), "other", "{odd}");
        }
    }
}
