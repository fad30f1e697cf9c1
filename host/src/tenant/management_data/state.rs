//! All data of the Management API that is not in the directory.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use crate::ambient::Ambient;
use crate::tenant::config::Config;
use crate::tenant::management_data::exports::Exports;
use crate::tenant::management_data::groups::{Group, Groups};
use crate::tenant::management_data::jobs::Jobs;
use crate::tenant::management_data::organizations::Organization;
use crate::tenant::management_data::roles::Role;
use crate::tenant::management_data::spent_proofs::SpentProofs;

/// The roles, the organizations, the jobs, the exported files, and the ID tokens that have been used for a link.
pub(crate) struct ManagementData {
    pub(crate) roles: Groups<Role>,
    pub(crate) organizations: Groups<Organization>,
    pub(crate) jobs: Jobs,
    pub(crate) exports: Exports,
    /// Locked during an export: exports are done one at a time.
    pub(crate) exporting: Mutex<()>,
    /// Set while an import runs: imports are done one at a time.
    pub(crate) importing: AtomicBool,
    pub(crate) spent_proofs: SpentProofs,
}

/// A group of which the tenant has a store.
pub(crate) trait StoredGroup: Group {
    /// Returns the groups of this kind.
    fn groups(data: &ManagementData) -> &Groups<Self>;
}

impl StoredGroup for Role {
    fn groups(data: &ManagementData) -> &Groups<Self> {
        &data.roles
    }
}

impl StoredGroup for Organization {
    fn groups(data: &ManagementData) -> &Groups<Self> {
        &data.organizations
    }
}

impl ManagementData {
    pub(crate) fn new(config: &Config, ambient: &Ambient) -> Self {
        Self {
            roles: Groups::new(config.roles.iter().map(Role::from)),
            organizations: Groups::new(config.organizations.iter().map(Organization::from)),
            jobs: Jobs::new(ambient),
            exports: Exports::new(ambient),
            exporting: Mutex::default(),
            importing: AtomicBool::default(),
            spent_proofs: SpentProofs::new(config.lifetimes.id_token, ambient),
        }
    }
}
