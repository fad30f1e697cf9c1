//! Metrics for Prometheus.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::directory::DirectoryState;
use crate::service::metrics::{DecisionCounts, DirectoryGauges, KindLabel};
use crate::service::{DecisionKeeping, MissingLines};

/// The tenant's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Response, Counter>,
    seconds: Histogram,
    pub(crate) decisions: DecisionCounts,
    tokens: Family<KindLabel, Counter>,
    refused_tokens: Family<KindLabel, Counter>,
    account_changes: Family<AccountChangeLabels, Counter>,
    directory: DirectoryGauges,
}

/// The labels by which forms of the account page are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AccountChangeLabels {
    change: &'static str,
    result: &'static str,
}

/// The labels by which requests are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Response {
    pub(crate) route: String,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
}

impl Metrics {
    pub(crate) fn new(missing_lines: &MissingLines, decisions: Option<&DecisionKeeping>) -> Self {
        let mut new = Self {
            registry: Registry::with_prefix("ligature"),
            requests: Family::default(),
            seconds: Histogram::new([0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]),
            decisions: DecisionCounts::default(),
            tokens: Family::default(),
            refused_tokens: Family::default(),
            account_changes: Family::default(),
            directory: DirectoryGauges::default(),
        };
        let registry = &mut new.registry;
        new.directory.register(registry);
        registry.register("http_requests", "Requests answered, by route", new.requests.clone());
        registry.register("http_request_seconds", "Duration of responses", new.seconds.clone());
        new.decisions.register(registry);
        registry.register(
            "tokens",
            "Successful responses of the token endpoint, by grant",
            new.tokens.clone(),
        );
        registry.register(
            "account_changes",
            "Forms of the account page that change an account, by result",
            new.account_changes.clone(),
        );
        missing_lines.register(registry);
        if let Some(decisions) = decisions {
            decisions.register(registry);
        }
        registry.register("refused_tokens", "Refused tokens, by reason", new.refused_tokens.clone());
        new
    }

    /// Counts a response, and records its duration.
    pub(crate) fn count_response(&self, response: &Response, took: Duration) {
        self.requests.get_or_create(response).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn count_token(&self, grant: &'static str) {
        self.tokens.get_or_create(&KindLabel { kind: grant }).inc();
    }

    pub(crate) fn count_refused_token(&self, why: &'static str) {
        self.refused_tokens.get_or_create(&KindLabel { kind: why }).inc();
    }

    /// Counts a form of the account page by the status of its response.
    pub(crate) fn count_account_change(&self, change: &'static str, status: StatusCode) {
        let result = match status {
            StatusCode::OK | StatusCode::SEE_OTHER => "done",
            StatusCode::CONFLICT => "changed",
            status if status.is_server_error() => "failed",
            _ => "refused",
        };
        self.account_changes.get_or_create(&AccountChangeLabels { change, result }).inc();
    }

    /// Returns all metrics, in Prometheus' text format.
    pub(crate) fn render_page(&self, directory: &DirectoryState) -> String {
        self.directory.set(directory);
        let mut page = String::new();
        // Fails only if writing into a string fails.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}
