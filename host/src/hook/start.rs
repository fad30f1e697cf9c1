//! The parts that a service is started with, whichever server answers its requests.

use std::sync::Arc;

use super::body_memory::BodyMemory;
use super::confirmations::Confirmations;
use super::login_hosts::LoginHosts;
use super::logins::Logins;
use super::metrics::Metrics;
use super::queue::{Queue, QueueSize};
use super::refusal::RequestRefusal;
use super::refusal_log::RefusalLog;
use super::routes::action_routes;
use super::secrets::Secrets;
use super::seen_signatures::SeenSignatures;
use super::state::Hook;
use crate::ambient::Ambient;
use crate::decide::OnFailure;
use crate::directory::Administration;
use crate::recording::LoginRecorder;
use crate::service::readiness::ReadinessCheck;
use crate::service::{Decider, DecisionRecorder, MissingLines};

/// The parts of the hook.
#[derive(Clone)]
pub struct HookParts {
    /// The secrets of the Action.
    pub secrets: Arc<Secrets>,
    /// The confirmation of accounts; none to leave suggestions unlinked.
    pub confirmations: Option<Arc<Confirmations>>,
    /// The directory of the users.
    pub directory: Arc<dyn Administration>,
    /// The outcome of a login that cannot be decided.
    pub on_failure: OnFailure,
    /// The recorder of logins.
    pub recorder: LoginRecorder,
    /// The recorder of decisions.
    pub decisions: DecisionRecorder,
    /// The size of the queue.
    pub queue: QueueSize,
    /// The log lines that could not be written.
    pub missing_lines: MissingLines,
    /// The service's clock and source of randomness.
    pub ambient: Ambient,
}

impl HookParts {
    /// Returns the routes of the Action and of the confirmation, for the policies of another
    /// server, which serves them beside its own.
    pub fn into_routes(self, decider: Arc<Decider>) -> axum::Router {
        let hook = Arc::new(self.into_hook(decider));
        let routes =
            action_routes(&hook).method_not_allowed_fallback(async || RequestRefusal::MethodNotAllowed);
        routes.with_state(hook)
    }

    pub(super) fn into_hook(self, decider: Arc<Decider>) -> Hook {
        let Self {
            secrets,
            confirmations,
            directory,
            on_failure,
            recorder,
            decisions,
            queue,
            missing_lines,
            ambient,
        } = self;
        let metrics = Arc::new(Metrics::new(&missing_lines, &decisions));
        let logins = Logins {
            directory: directory.clone(),
            decider,
            on_failure,
            metrics: metrics.clone(),
            secrets: secrets.clone(),
            confirmations: confirmations.clone(),
            ambient: ambient.clone(),
            recorder,
            decisions,
            hosts: LoginHosts::new(directory.tenant_host().map(str::to_owned)),
        };
        Hook {
            secrets,
            confirmations,
            bodies: BodyMemory::new(),
            refusal_log: RefusalLog::new(),
            seen: SeenSignatures::new(),
            queue: Queue::new(queue),
            logins: Arc::new(logins),
            directory,
            readiness: ReadinessCheck::default(),
            metrics,
            ambient,
        }
    }
}
