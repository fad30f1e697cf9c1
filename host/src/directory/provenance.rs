//! The actor of a change, and the evidence for it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{LoginEvent, Proof, User, mask_addresses};

/// The actor of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Actor {
    /// A plugin, at a login.
    Plugin,
    /// A person with access to the directory.
    Operator {
        /// The name of the operating system's user.
        name: String,
    },
    /// A client of the Management API.
    Client {
        /// The client id of the application.
        client_id: String,
    },
    /// The user.
    User {
        /// The user id.
        user_id: String,
    },
}

impl Actor {
    /// The actor's name in the mark of a separation; none if it acts for the user.
    pub(super) fn separation_mark(&self) -> Option<&'static str> {
        match self {
            Self::Operator { .. } => Some("operator"),
            Self::Plugin | Self::Client { .. } | Self::User { .. } => None,
        }
    }
}

/// The exact version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginVersion {
    /// The plugin's name.
    pub name: String,
    /// SHA-256 of the component, in hexadecimal.
    pub sha256: String,
}

/// The actor of a change, and its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The actor.
    pub actor: Actor,
    /// The evidence of the login, if the change was made at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// SHA-256 of the policy document, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_sha256: Option<String>,
    /// The plugin that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginVersion>,
}

impl Provenance {
    /// The provenance of a change by an operator, outside of a login.
    #[must_use]
    pub fn operator(name: impl Into<String>) -> Self {
        Self {
            actor: Actor::Operator { name: name.into() },
            evidence: None,
            policy_sha256: None,
            plugin: None,
        }
    }
}

/// The evidence for a decision at a login. The address is masked. User ids are not, even
/// though some providers derive them from addresses.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The user that logged in.
    pub user_id: String,
    /// The connection it came through.
    pub connection: String,
    /// The authentication methods that succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The verified address of the login, which both accounts have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_email: Option<String>,
    /// A hash of the user id and the verified address, for a link that the user requested: many
    /// addresses have one mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_email_hash: Option<String>,
    /// The application it logged in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The transaction's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// The proof that the user controls the other account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// The run of a backfill, if nobody logged in and the user was decided as if it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill_run: Option<String>,
}

impl Evidence {
    /// The evidence for a link that the user requested, into this account.
    #[must_use]
    pub fn from_request(primary: &User) -> Self {
        let email = primary.email.as_deref().filter(|_| primary.email_verified.is_verified());
        Self {
            user_id: primary.user_id.clone(),
            connection: primary.identities.first().map(|it| it.connection.clone()).unwrap_or_default(),
            verified_email: email.map(|email| mask_addresses(email).into_owned()),
            verified_email_hash: email.map(|email| hash_address(&primary.user_id, email)),
            ..Self::default()
        }
    }

    /// Returns whether this address was verified. Entries of earlier versions have its mask only.
    #[must_use]
    pub fn verifies(&self, email: &str) -> bool {
        match &self.verified_email_hash {
            Some(hash) => *hash == hash_address(&self.user_id, email),
            None => {
                let masked = mask_addresses(email);
                self.verified_email.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(&masked))
            }
        }
    }

    /// The evidence of a login.
    #[must_use]
    pub fn from_login(event: &LoginEvent, proof: Option<&Proof>) -> Self {
        let methods = event.authentication.iter().flat_map(|it| &it.methods);
        let email = event.user.email.as_deref().filter(|_| event.user.email_verified.is_verified());
        let transaction = event.transaction.as_ref().and_then(|it| it.rest.get("id"));
        Self {
            user_id: event.user.user_id.clone(),
            connection: event.connection.name.clone(),
            methods: methods.map(|method| method.name.clone()).collect(),
            verified_email: email.map(|email| mask_addresses(email).into_owned()),
            verified_email_hash: None,
            client_id: event.client.as_ref().map(|client| client.client_id.clone()),
            transaction: transaction.and_then(|id| id.as_str()).map(str::to_owned),
            proof: proof.cloned(),
            backfill_run: None,
        }
    }
}

/// Returns a hash of an address, which differs from account to account.
fn hash_address(user_id: &str, email: &str) -> String {
    let hash = Sha256::digest(format!("{user_id}\n{}", email.to_ascii_lowercase()));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
