//! The service: its parts, shared by all requests.

use std::sync::Arc;

use super::body_memory::BodyMemory;
use super::confirmations::SharedConfirmations;
use super::logins::Logins;
use super::metrics::Metrics;
use super::queue::Queue;
use super::refusal_log::RefusalLog;
use super::secrets::Secrets;
use super::seen_signatures::SeenSignatures;
use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::service::readiness::ReadinessCheck;

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
    /// The check for `/readyz`.
    pub(super) readiness: ReadinessCheck,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ambient: Ambient,
}
