//! The link or the unlink that an application requests at `/authorize`.

use crate::model::User;
use crate::tenant::people::sessions::Session;
use crate::tenant::store::weight::Weighed;

/// A link or an unlink that an application requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkingRequest {
    pub(crate) action: LinkingAction,
    /// The connection of the account to be linked or unlinked.
    pub(crate) connection: String,
    /// The owner: the id of the user of `id_token_hint`.
    pub(crate) owner: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkingAction {
    Link,
    Unlink,
}

/// A step of a link or an unlink that waits for a login.
#[derive(Debug, Clone)]
pub(crate) enum LinkingStep {
    /// The owner logs in, by the connection `only` if it is set.
    Owner { only: Option<String> },
    /// The user logs in to the account to be linked.
    Account {
        /// The account's connection.
        connection: String,
        /// The owner's address, name or id, for the page.
        owner: String,
        /// The `sid` of the session that the owner is logged in with.
        sid: String,
    },
}

impl LinkingStep {
    /// The step in which the user logs in to the account to be linked.
    pub(crate) fn account(linking: &LinkingRequest, owner: &User, session: &Session) -> Self {
        let name = owner.rest.get("name").and_then(|name| name.as_str());
        let label = owner.email.as_deref().or(name).unwrap_or(&owner.user_id);
        Self::Account {
            connection: linking.connection.clone(),
            owner: label.chars().take(128).collect(),
            sid: session.sid.clone(),
        }
    }

    /// The only connection that the login page offers, if there is one.
    pub(crate) fn only_connection(&self) -> Option<&str> {
        match self {
            Self::Owner { only } => only.as_deref(),
            Self::Account { connection, .. } => Some(connection),
        }
    }

    /// Returns whether a new account may be created. A new account is never the owner's.
    pub(crate) fn may_sign_up(&self) -> bool {
        matches!(self, Self::Account { .. })
    }
}

impl Weighed for LinkingRequest {
    fn bytes(&self) -> usize {
        self.connection.len() + self.owner.len()
    }
}

impl Weighed for LinkingStep {
    fn bytes(&self) -> usize {
        match self {
            Self::Owner { only } => only.bytes(),
            Self::Account { connection, owner, sid } => connection.len() + owner.len() + sid.len(),
        }
    }
}
