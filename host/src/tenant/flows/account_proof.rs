//! The proof of a second account, which waits for its owner to confirm the link.

use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::store::weight::Weighed;

/// The proof of a second account. It belongs to one session of one browser.
#[derive(Debug, Clone)]
pub(crate) struct AccountProof {
    /// The id of the browser.
    pub(crate) browser: String,
    /// The `sid` of the owner's session.
    pub(crate) sid: String,
    /// The id of the owner.
    pub(crate) owner: String,
    /// The proved identity. It may have no user yet.
    pub(crate) second: ProvedIdentity,
}

impl Weighed for AccountProof {
    fn bytes(&self) -> usize {
        self.browser.len() + self.sid.len() + self.owner.len() + self.second.bytes()
    }
}
