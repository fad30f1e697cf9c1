//! The claim of one identity about an address, and the trust in it.

use crate::bindings::{Identity, Verification};

/// The claim of one identity about an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddressClaim<'a> {
    /// The connection's name.
    pub(crate) connection: &'a str,
    /// The connection's strategy, which is the identity's provider.
    pub(crate) strategy: &'a str,
    /// The id at the provider.
    pub(crate) subject: &'a str,
    /// The address: the account's for the root identity, its own for a linked
    /// one.
    pub(crate) address: &'a str,
    /// Whether the provider calls the identity's own address verified.
    pub(crate) is_verified: bool,
    /// Whether the policy trusts the connection for the address.
    pub(crate) trust: Trust,
}

impl<'a> AddressClaim<'a> {
    /// The claim of an unknown identity.
    pub(crate) const NONE: AddressClaim<'static> = AddressClaim {
        connection: "",
        strategy: "",
        subject: "",
        address: "",
        is_verified: false,
        trust: Trust::Untrusted,
    };

    /// Returns the claim of an identity about its own address, not yet trusted.
    pub(crate) fn from_identity(identity: &'a Identity) -> Self {
        Self {
            connection: &identity.connection,
            strategy: &identity.provider,
            subject: &identity.user_id,
            address: identity.email.as_deref().unwrap_or_default(),
            is_verified: identity.email_verified == Verification::Verified,
            trust: Trust::Untrusted,
        }
    }

    /// Returns whether the claim is about this address, regardless of case.
    pub(crate) fn is_of(&self, address: &str) -> bool {
        self.address.eq_ignore_ascii_case(address)
    }
}

/// The trust in a connection for an address. Of several entries of the policy for one connection,
/// the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    Untrusted,
    /// Only the tenant says that all its addresses are verified.
    ByTenantOnly,
    /// The connection is listed without the domains that an enterprise connection needs.
    WithoutDomains,
    /// The connection is trusted, but for other domains.
    DomainNotOwned,
    Trusted,
}
