//! The tenant: its configuration, its directory and its parts.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::service::readiness::ReadinessCheck;
use crate::tenant::admission::Admission;
use crate::tenant::config::Config;
use crate::tenant::faults::Faults;
use crate::tenant::flows::Flows;
use crate::tenant::logins::Logins;
use crate::tenant::management_data::ManagementData;
use crate::tenant::metrics::Metrics;
use crate::tenant::people::People;
use crate::tenant::signing::Signing;

/// A tenant, shared by all requests.
pub(crate) struct Tenant {
    pub(crate) config: Arc<Config>,
    pub(crate) directory: Arc<dyn Administration>,
    /// The same directory, whose changes send no notices: the account page sends its own.
    pub(crate) directory_without_notices: Arc<dyn Administration>,
    /// Whether the directory is a server, reached over a network.
    pub(crate) is_remote: bool,
    pub(crate) signing: Arc<Signing>,
    pub(crate) people: Arc<People>,
    pub(crate) logins: Logins,
    pub(crate) flows: Flows,
    pub(crate) management_data: ManagementData,
    pub(crate) faults: Faults,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) admission: Admission,
    /// The check for `/readyz`.
    pub(crate) readiness: ReadinessCheck,
    pub(crate) ambient: Ambient,
}

/// A shared reference to the tenant, as handlers hold it.
pub(crate) type Shared = Arc<Tenant>;
