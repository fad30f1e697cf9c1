//! Accounts with power.

use serde::Deserialize;

use crate::Names;

/// Accounts with power, which are never linked without asking.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Privileged {
    /// Roles that give power, without regard to ASCII case: those of the
    /// account, of the login's `authorization.roles`, and in `app_metadata.roles`
    /// and `app_metadata.authorization.roles`. Left out: `admin`,
    /// `administrator`, `owner` and `superuser`.
    pub roles: Option<Names>,
    /// Accounts with power, by user id, their own or that of a linked identity.
    /// `app_metadata.privileged: true` says the same.
    pub user_ids: Names,
    /// The action for these accounts.
    pub decision: PrivilegedDecision,
}

impl Default for Privileged {
    fn default() -> Self {
        Self { roles: None, user_ids: Names::default(), decision: PrivilegedDecision::Suggest }
    }
}

impl Privileged {
    /// Returns whether this role makes an account privileged.
    #[must_use]
    pub fn has_power(&self, role: &str) -> bool {
        const USUAL: [&str; 4] = ["admin", "administrator", "owner", "superuser"];
        match &self.roles {
            Some(roles) => roles.contains_ignoring_case(role),
            None => USUAL.iter().any(|it| it.eq_ignore_ascii_case(role)),
        }
    }
}

choice! {
    /// The action for privileged accounts.
    PrivilegedDecision {
        /// The user is asked to log in to the other account, with a second
        /// factor.
        Suggest "suggest",
        /// Not linked.
        NoOp "no_op",
        /// Linked like any other.
        Ignore "ignore",
    }
}
