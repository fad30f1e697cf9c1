//! The service: its parts, shared by all requests.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::body_memory::BodyMemory;
use super::confirmations::SharedConfirmations;
use super::logins::Logins;
use super::metrics::Metrics;
use super::queue::Queue;
use super::refusal_log::RefusalLog;
use super::secrets::Secrets;
use super::seen_signatures::SeenSignatures;
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::directory::Administration;

/// The result of a check of the directory.
#[derive(Debug, Clone)]
pub(super) struct ReadinessCheck {
    pub(super) began: Monotonic,
    pub(super) readiness: Readiness,
}

/// Whether logins can be decided: otherwise the cause, in words for people.
pub(super) type Readiness = Result<(), Arc<str>>;

/// The service, shared by all requests.
pub(super) struct Hook {
    pub(super) secrets: Arc<Secrets>,
    pub(super) confirmations: Option<SharedConfirmations>,
    pub(super) bodies: BodyMemory,
    pub(super) refusal_log: RefusalLog,
    pub(super) seen: SeenSignatures,
    pub(super) queue: Queue,
    pub(super) logins: Arc<Logins>,
    pub(super) directory: Arc<dyn Administration>,
    /// The last check for `/readyz`.
    pub(super) last_check: Mutex<Option<ReadinessCheck>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ambient: Ambient,
}
