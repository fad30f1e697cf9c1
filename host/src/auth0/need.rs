//! The scopes that calls need.

use std::fmt;

/// The scopes of the Management API that a call needs, and the purpose of the call.
///
/// Source: Auth0 Management API v2, section "Scopes" of each endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The scopes, all of which the call needs.
    pub scopes: &'static [&'static str],
    /// The purpose, after "needs to".
    pub purpose: &'static str,
    /// Whether Ligature goes on without the call: it then says what it could not keep.
    pub is_optional: bool,
}

impl Need {
    pub(super) const READ_USERS: Self =
        Self { scopes: &["read:users"], purpose: "look up users", is_optional: false };
    pub(super) const LINK: Self =
        Self { scopes: &["update:users"], purpose: "link and unlink identities", is_optional: false };
    pub(super) const WRITE_METADATA: Self =
        Self { scopes: &["update:users"], purpose: "write metadata", is_optional: false };
    pub(super) const READ_ROLES: Self = Self {
        scopes: &["read:users", "read:roles"],
        purpose: "note the roles of a user that a link removes",
        is_optional: true,
    };
    pub(super) const ASSIGN_ROLES: Self = Self {
        scopes: &["update:users", "create:role_members"],
        purpose: "give roles back when a link is undone",
        is_optional: true,
    };
    pub(super) const READ_ORGANIZATIONS: Self = Self {
        scopes: &["read:organizations"],
        purpose: "note the organizations of a user that a link removes",
        is_optional: true,
    };
    pub(super) const ADD_MEMBER: Self = Self {
        scopes: &["create:organization_members"],
        purpose: "give memberships of organizations back when a link is undone",
        is_optional: true,
    };

    /// All needs of the client.
    pub const ALL: [Self; 7] = [
        Self::READ_USERS,
        Self::LINK,
        Self::WRITE_METADATA,
        Self::READ_ROLES,
        Self::ASSIGN_ROLES,
        Self::READ_ORGANIZATIONS,
        Self::ADD_MEMBER,
    ];

    /// Returns whether these scopes, separated by spaces, satisfy the need.
    pub(super) fn is_met_by(&self, granted: &str) -> bool {
        self.scopes.iter().all(|scope| granted.split(' ').any(|known| known == *scope))
    }
}

/// Says which scope is needed for what.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes = self.scopes.join(" and ");
        write!(f, "{scopes}, which Ligature needs to {}", self.purpose)
    }
}
