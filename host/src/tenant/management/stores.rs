//! The stores of this API, kept for the life of the process.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use crate::ambient::Ambient;
use crate::tenant::config::Config;
use crate::tenant::management::jobs::Jobs;
use crate::tenant::management::link_with::SpentProofs;
use crate::tenant::management::roles::Roles;
use crate::tenant::management::users_export::Exports;

/// The roles, the jobs, the exported files, and the ID tokens that have been used for a link.
pub(crate) struct Stores {
    pub(super) roles: Roles,
    pub(super) jobs: Jobs,
    pub(super) exports: Exports,
    /// Locked during an export: exports are done one at a time.
    pub(super) exporting: Mutex<()>,
    /// Set while an import runs: imports are done one at a time.
    pub(super) importing: AtomicBool,
    pub(super) spent_proofs: SpentProofs,
}

impl Stores {
    pub(in crate::tenant) fn new(config: &Config, ambient: &Ambient) -> Self {
        Self {
            roles: Roles::new(&config.roles),
            jobs: Jobs::new(ambient),
            exports: Exports::new(ambient),
            exporting: Mutex::default(),
            importing: AtomicBool::default(),
            spent_proofs: SpentProofs::new(config.lifetimes.id_token, ambient),
        }
    }
}
