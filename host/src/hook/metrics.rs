//! Metrics for Prometheus.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::answer::ActionAnswer;
use super::queue::Queue;
use crate::directory::DirectoryState;
use crate::service::metrics::{DecisionCounts, DirectoryGauges, KindLabel};
use crate::service::{DecisionRecorder, MissingLines};

/// The service's metrics.
pub(super) struct Metrics {
    registry: Registry,
    pub(super) decisions: DecisionCounts,
    requests: Family<Response, Counter>,
    seconds: Histogram,
    answers: Family<KindLabel, Counter>,
    refused: Family<KindLabel, Counter>,
    confirmations: Family<KindLabel, Counter>,
    signatures: Family<KindLabel, Counter>,
    queue: Family<KindLabel, Gauge>,
    directory: DirectoryGauges,
}

/// The labels by which requests are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Response {
    route: &'static str,
    status: u16,
}

impl Metrics {
    pub(super) fn new(missing_lines: &MissingLines, decisions: &DecisionRecorder) -> Self {
        let mut new = Self {
            registry: Registry::with_prefix("ligature"),
            decisions: DecisionCounts::default(),
            requests: Family::default(),
            seconds: Histogram::new([0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]),
            answers: Family::default(),
            refused: Family::default(),
            confirmations: Family::default(),
            signatures: Family::default(),
            queue: Family::default(),
            directory: DirectoryGauges::default(),
        };
        let registry = &mut new.registry;
        new.directory.register(registry);
        new.decisions.register(registry);
        missing_lines.register(registry);
        decisions.register(registry);
        registry.register("http_requests", "Requests answered, by route", new.requests.clone());
        registry.register("http_request_seconds", "Duration of responses", new.seconds.clone());
        registry.register("hook_answers", "Answers to the Action, by action", new.answers.clone());
        registry.register("hook_refusals", "Refused requests, by reason", new.refused.clone());
        registry.register(
            "hook_confirmations",
            "Questions to users, and what became of them",
            new.confirmations.clone(),
        );
        registry.register("hook_signatures", "Accepted signatures, by secret", new.signatures.clone());
        registry.register("hook_queue", "Logins that are decided, and that wait", new.queue.clone());
        new
    }

    /// Counts a response, and records its duration.
    pub(super) fn count_response(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&Response { route, status }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts an answer by its action, and its reasons: those of the policy and of the service.
    pub(super) fn count_answer(&self, answer: &ActionAnswer) {
        self.answers.get_or_create(&KindLabel { kind: answer.action.kind() }).inc();
        self.decisions.count_reasons(&answer.reasons);
    }

    pub(super) fn count_refusal(&self, kind: &'static str) {
        self.refused.get_or_create(&KindLabel { kind }).inc();
    }

    pub(super) fn count_confirmation(&self, kind: &'static str) {
        self.confirmations.get_or_create(&KindLabel { kind }).inc();
    }

    pub(super) fn count_signature(&self, is_by_old_secret: bool) {
        let kind = if is_by_old_secret { "old" } else { "current" };
        self.signatures.get_or_create(&KindLabel { kind }).inc();
    }

    /// Returns all metrics, in Prometheus' text format.
    pub(super) fn render_page(&self, directory: &DirectoryState, queue: &Queue) -> String {
        self.directory.set(directory);
        let (deciding, waiting) = queue.count();
        for (kind, count) in [("deciding", deciding), ("waiting", waiting)] {
            self.queue.get_or_create(&KindLabel { kind }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let mut page = String::new();
        // Fails only if writing into a string fails.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}
