//! All data of the Management API that is not in the directory.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use crate::ambient::Ambient;
use crate::tenant::config::Config;
use crate::tenant::management_data::exports::Exports;
use crate::tenant::management_data::jobs::Jobs;
use crate::tenant::management_data::organizations::Organizations;
use crate::tenant::management_data::roles::Roles;
use crate::tenant::management_data::spent_proofs::SpentProofs;

/// The roles, the organizations, the jobs, the exported files, and the ID tokens that have been used for a link.
pub(crate) struct ManagementData {
    pub(crate) roles: Roles,
    pub(crate) organizations: Organizations,
    pub(crate) jobs: Jobs,
    pub(crate) exports: Exports,
    /// Locked during an export: exports are done one at a time.
    pub(crate) exporting: Mutex<()>,
    /// Set while an import runs: imports are done one at a time.
    pub(crate) importing: AtomicBool,
    pub(crate) spent_proofs: SpentProofs,
}

impl ManagementData {
    pub(crate) fn new(config: &Config, ambient: &Ambient) -> Self {
        Self {
            roles: Roles::new(&config.roles),
            organizations: Organizations::new(&config.organizations),
            jobs: Jobs::new(ambient),
            exports: Exports::new(ambient),
            exporting: Mutex::default(),
            importing: AtomicBool::default(),
            spent_proofs: SpentProofs::new(config.lifetimes.id_token, ambient),
        }
    }
}
