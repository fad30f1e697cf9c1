//! The console: its parts, shared by all requests.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::access::Access;
use super::live_feed::LiveFeed;
use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::service::forms::FormKey;

/// The console, shared by all requests.
pub(super) struct Console {
    pub(super) directory: Arc<dyn Administration>,
    pub(super) access: Access,
    pub(super) form_key: FormKey,
    pub(super) feed: Arc<LiveFeed>,
    pub(super) ambient: Ambient,
    /// The places for pages that are made at the same time.
    pub(super) places: Arc<Semaphore>,
}
