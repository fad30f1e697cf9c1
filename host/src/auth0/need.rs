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
    pub(super) const EXPORT_USERS: Self =
        Self { scopes: &["read:users"], purpose: "export users", is_optional: false };
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

    /// All needs of a login. A backfill needs to export users too.
    pub const ALL: [Self; 7] = [
        Self::READ_USERS,
        Self::LINK,
        Self::WRITE_METADATA,
        Self::READ_ROLES,
        Self::ASSIGN_ROLES,
        Self::READ_ORGANIZATIONS,
        Self::ADD_MEMBER,
    ];

    /// Returns the need if these scopes, separated by spaces, do not meet it.
    pub(super) fn find_unmet(self, granted: &str) -> Option<UnmetNeed> {
        let lacks = |scope: &&&str| granted.split(' ').all(|known| known != **scope);
        let missing: Vec<_> = self.scopes.iter().filter(lacks).copied().collect();
        (!missing.is_empty()).then_some(UnmetNeed { need: self, missing, is_certain: true })
    }

    /// Returns the need of a call that the tenant has refused for want of a scope. The scopes
    /// that the machine token names are not missing; if it names none or all, each may be.
    pub(super) fn refused_with(self, granted: Option<&str>) -> UnmetNeed {
        let is_certain = self.scopes.len() == 1;
        let unknown = || UnmetNeed { need: self, missing: self.scopes.to_vec(), is_certain };
        granted.and_then(|granted| self.find_unmet(granted)).unwrap_or_else(unknown)
    }
}

/// A need, and the scopes that the application lacks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetNeed {
    /// The need.
    pub need: Need,
    /// The missing scopes.
    missing: Vec<&'static str>,
    /// Whether all of them are missing, and not only one of them.
    is_certain: bool,
}

impl UnmetNeed {
    /// Merges needs whose missing scopes are the same into one sentence each, without a full stop.
    #[must_use]
    pub fn describe_all(unmet: &[Self]) -> Vec<(String, bool)> {
        let is_same = |a: &Self, b: &Self| a.missing == b.missing && a.need.is_optional == b.need.is_optional;
        let is_first =
            |(place, it): &(usize, &Self)| !unmet[..*place].iter().any(|before| is_same(before, it));
        let describe = |(place, first): (usize, &Self)| {
            let more = unmet[place + 1..].iter().filter(|it| is_same(it, first));
            let purposes: String = more.map(|it| format!(", and to {}", it.need.purpose)).collect();
            let sentence =
                format!("{first}{purposes}; authorize it for the application in Auth0's dashboard");
            (sentence, first.need.is_optional)
        };
        unmet.iter().enumerate().filter(is_first).map(describe).collect()
    }
}

/// A sentence for people, without a full stop.
impl fmt::Display for UnmetNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes = self.missing.join(if self.is_certain { " and " } else { " or " });
        let noun = if self.is_certain && self.missing.len() > 1 { "scopes" } else { "scope" };
        write!(
            f,
            "the machine-to-machine application lacks the {noun} {scopes} of the Management API, which Ligature needs to {}",
            self.need.purpose
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Need, UnmetNeed};

    #[test]
    fn a_scope_that_several_calls_need_is_named_once() {
        let unmet: Vec<_> = [Need::READ_USERS, Need::LINK, Need::WRITE_METADATA]
            .into_iter()
            .filter_map(|need| need.find_unmet(""))
            .collect();
        let described = UnmetNeed::describe_all(&unmet);
        let ends = [
            "to look up users; authorize",
            "to link and unlink identities, and to write metadata; authorize",
        ];
        assert_eq!(described.len(), ends.len());
        for ((sentence, is_optional), end) in described.iter().zip(ends) {
            assert!(sentence.contains(end) && !is_optional, "{sentence}");
        }
    }

    #[test]
    fn only_missing_scopes_are_named() {
        let unmet = |granted| Need::READ_ROLES.find_unmet(granted).map(|unmet| unmet.to_string());
        let lacks = |scopes: &str| {
            let purpose = "which Ligature needs to note the roles of a user that a link removes";
            format!("the machine-to-machine application lacks the {scopes} of the Management API, {purpose}")
        };
        assert_eq!(unmet("read:users read:roles"), None);
        assert_eq!(unmet("update:users read:users"), Some(lacks("scope read:roles")));
        assert_eq!(unmet(""), Some(lacks("scopes read:users and read:roles")));
        let refused = |granted| Need::READ_ROLES.refused_with(granted).to_string();
        assert_eq!(refused(Some("read:users")), lacks("scope read:roles"));
        assert_eq!(refused(Some("read:users read:roles")), lacks("scope read:users or read:roles"));
        assert_eq!(refused(None), lacks("scope read:users or read:roles"));
    }
}
