//! What this API remembers for the life of the process.

use super::roles::Roles;

/// Roles, jobs and their files, events.
pub(in crate::tenant) struct Stores {
    pub(super) roles: Roles,
}

impl Stores {
    pub(in crate::tenant) fn new(config: &crate::tenant::Config) -> Self {
        Self { roles: Roles::new(&config.roles) }
    }
}
