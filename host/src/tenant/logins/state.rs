//! The state that logins need.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::recording::LoginRecorder;
use crate::service::DecisionRecorder;
use crate::service::decider::Decider;
use crate::tenant::config::Config;
use crate::tenant::logins::log_events::Events;
use crate::tenant::metrics::Metrics;
use crate::tenant::people::People;

/// The dependencies of a login: policies, directory, people, metrics and log events.
pub(crate) struct Logins {
    pub(crate) config: Arc<Config>,
    pub(crate) directory: Arc<dyn Administration>,
    pub(crate) people: Arc<People>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ambient: Ambient,
    pub(crate) decider: Arc<Decider>,
    pub(crate) events: Events,
    pub(crate) recorder: LoginRecorder,
    pub(crate) decisions: DecisionRecorder,
}

/// The dependencies that logins share with the rest of the tenant.
pub(crate) struct SharedParts {
    pub(crate) config: Arc<Config>,
    pub(crate) directory: Arc<dyn Administration>,
    pub(crate) people: Arc<People>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ambient: Ambient,
    pub(crate) recorder: LoginRecorder,
    pub(crate) decisions: DecisionRecorder,
}

impl Logins {
    /// Creates the state, without log events.
    pub(crate) fn new(decider: Arc<Decider>, shares: SharedParts) -> Self {
        let SharedParts { config, directory, people, metrics, ambient, recorder, decisions } = shares;
        let events = Events::new(&ambient);
        Self { config, directory, people, metrics, ambient, decider, events, recorder, decisions }
    }
}
