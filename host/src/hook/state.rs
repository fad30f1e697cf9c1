//! The service: its parts, shared by all requests.

use std::sync::Arc;

use super::confirmations::SharedConfirmations;
use super::logins::Logins;
use super::metrics::Metrics;
use super::queue::Queue;
use super::secrets::Secrets;
use super::seen_signatures::SeenSignatures;
use crate::ambient::Ambient;
use crate::directory::Administration;

/// The service, shared by all requests.
pub(super) struct Hook {
    pub(super) secrets: Arc<Secrets>,
    pub(super) confirmations: Option<SharedConfirmations>,
    pub(super) seen: SeenSignatures,
    pub(super) queue: Queue,
    pub(super) logins: Arc<Logins>,
    pub(super) directory: Arc<dyn Administration>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ambient: Ambient,
}
