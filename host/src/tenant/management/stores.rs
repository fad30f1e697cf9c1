//! The stores of this API, kept for the life of the process.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use crate::ambient::Ambient;
use crate::tenant::management::jobs::Jobs;
use crate::tenant::management::roles::Roles;
use crate::tenant::management::users_export::Exports;

/// Roles, jobs and their files.
pub(in crate::tenant) struct Stores {
    pub(super) roles: Roles,
    pub(super) jobs: Jobs,
    pub(super) exports: Exports,
    /// Exports are done one at a time.
    pub(super) exporting: Mutex<()>,
    /// So are imports.
    pub(super) importing: AtomicBool,
}

impl Stores {
    pub(in crate::tenant) fn new(config: &crate::tenant::Config, ambient: &Ambient) -> Self {
        Self {
            roles: Roles::new(&config.roles),
            jobs: Jobs::new(ambient),
            exports: Exports::new(ambient),
            exporting: Mutex::default(),
            importing: AtomicBool::default(),
        }
    }
}
