//! The console: its parts, shared by all requests.

use std::sync::Arc;

use super::access::Access;
use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::service::forms::FormKey;

/// The console, shared by all requests.
pub(super) struct Console {
    pub(super) directory: Arc<dyn Administration>,
    pub(super) access: Access,
    pub(super) form_key: FormKey,
    pub(super) ambient: Ambient,
}
