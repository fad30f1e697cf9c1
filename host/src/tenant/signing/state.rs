//! The parts that sign and verify together.

use crate::tenant::signing::issuer::Hosts;
use crate::tenant::signing::keys::Keys;
use crate::tenant::signing::verification::Verified;

/// Names, keys and verified tokens of the tenant.
pub(crate) struct Signing {
    pub(crate) hosts: Hosts,
    pub(crate) keys: Keys,
    pub(crate) verified: Verified,
}
