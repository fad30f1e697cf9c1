//! The calls of a login that reached its directory, with their answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directory::{CheckedLink, MetadataUpdate, Stored};
use crate::model::{ApiError, IdentityKey, Metadata, Reason, User};

/// One call and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangedCall {
    /// The call, with its arguments.
    pub call: DirectoryCall,
    /// The answer of the directory.
    pub answer: RecordedAnswer,
}

/// A call of the directory, with its arguments. Calls that the guard refused are not among
/// them. The host makes some by itself: it reads both users before a link, and the owner of
/// the login's identity after the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum DirectoryCall {
    /// The look-up by address.
    #[serde(rename = "users.find-by-email")]
    FindByEmail {
        /// The address.
        email: String,
        /// The most users that may be returned.
        limit: usize,
    },
    /// The look-up by id.
    #[serde(rename = "users.get")]
    Get {
        /// The user's id.
        user_id: String,
    },
    /// The look-up of the user that has an identity.
    #[serde(rename = "users.owner")]
    Owner {
        /// The connection's name.
        connection: String,
        /// The identity provider's type.
        provider: String,
        /// The id at that provider.
        user_id: String,
    },
    /// The link.
    #[serde(rename = "accounts.link")]
    Link {
        /// The user that stays.
        primary: String,
        /// The user that becomes identities of the primary.
        secondary: String,
        /// The version that the primary must be at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        primary_version: Option<u64>,
        /// The version that the secondary must be at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secondary_version: Option<u64>,
        /// The patch of the primary's `user_metadata`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_metadata: Option<Metadata>,
        /// The patch of the primary's `app_metadata`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        app_metadata: Option<Metadata>,
        /// The reasons, for the journal.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<Reason>,
    },
    /// The change of a user's metadata, by which a prompt is counted.
    #[serde(rename = "users.patch-metadata")]
    PatchMetadata {
        /// The user's id.
        user_id: String,
        /// The version that the user must be at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
        /// The patch of `user_metadata`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_metadata: Option<Metadata>,
        /// The patch of `app_metadata`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        app_metadata: Option<Metadata>,
    },
}

/// The answer of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedAnswer {
    /// The users that were found.
    Users(Vec<UserAt>),
    /// The one user.
    User(UserAt),
    /// No user has the identity.
    NoUser,
    /// The primary after the link.
    Linked(UserAt),
    /// The error.
    Error(ApiError),
}

/// A user at a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserAt {
    /// The user's id.
    pub user_id: String,
    /// The version; 0 after a link, whose answer has none.
    #[serde(default)]
    pub version: u64,
    /// The user, if it differs from the last answer with this id, or from the `users` of the
    /// case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Box<User>>,
}

/// The answer of a call, with the users themselves.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum DirectoryAnswer {
    Users(Vec<Stored>),
    User(Stored),
    Owner(Option<Stored>),
    Linked(Arc<User>),
    Failed(ApiError),
}

/// The users as the answers before have shown them, by id.
pub(super) type KnownUsers = BTreeMap<String, Arc<User>>;

impl DirectoryCall {
    pub(super) fn for_owner(identity: IdentityKey<'_>) -> Self {
        Self::Owner {
            connection: identity.connection.to_owned(),
            provider: identity.provider.to_owned(),
            user_id: identity.user_id.to_owned(),
        }
    }

    pub(super) fn for_link(link: &CheckedLink) -> Self {
        let request = &link.request;
        Self::Link {
            primary: request.primary.clone(),
            secondary: request.secondary.clone(),
            primary_version: link.primary_version,
            secondary_version: link.secondary_version,
            user_metadata: request.user_metadata.clone(),
            app_metadata: request.app_metadata.clone(),
            reasons: request.reasons.to_vec(),
        }
    }

    pub(super) fn for_patch(update: &MetadataUpdate<'_>) -> Self {
        Self::PatchMetadata {
            user_id: update.user_id.to_owned(),
            version: update.version,
            user_metadata: update.patch.user_metadata.clone(),
            app_metadata: update.patch.app_metadata.clone(),
        }
    }
}

/// The call in one line, for people.
impl fmt::Display for DirectoryCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FindByEmail { email, limit } => {
                write!(f, "users.find-by-email {email} (at most {limit} users)")
            }
            Self::Get { user_id } => write!(f, "users.get {user_id}"),
            Self::Owner { connection, provider, user_id } => {
                write!(f, "users.owner {provider}|{user_id} of {connection}")
            }
            Self::Link { primary, secondary, user_metadata, app_metadata, .. } => {
                write!(f, "accounts.link {secondary} into {primary}")?;
                write_metadata(f, [user_metadata, app_metadata])
            }
            Self::PatchMetadata { user_id, user_metadata, app_metadata, .. } => {
                write!(f, "users.patch-metadata {user_id}")?;
                write_metadata(f, [user_metadata, app_metadata])
            }
        }
    }
}

fn write_metadata(f: &mut fmt::Formatter<'_>, [user, app]: [&Option<Metadata>; 2]) -> fmt::Result {
    for (name, metadata) in [("user_metadata", user), ("app_metadata", app)] {
        if let Some(metadata) = metadata {
            let json = serde_json::to_string(metadata).unwrap_or_default();
            write!(f, ", writing {name} {json}")?;
        }
    }
    Ok(())
}

impl DirectoryAnswer {
    /// The users of the answer.
    pub(super) fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        let (many, one) = match self {
            Self::Users(users) => (users.as_slice(), None),
            Self::User(stored) | Self::Owner(Some(stored)) => (std::slice::from_ref(stored), None),
            Self::Linked(user) => ([].as_slice(), Some(user)),
            Self::Owner(None) | Self::Failed(_) => ([].as_slice(), None),
        };
        many.iter().map(|stored| &stored.user).chain(one)
    }

    /// Returns the answer in the form of a file. `redact` prepares each user for it.
    pub(super) fn to_file(
        &self,
        known: &mut KnownUsers,
        redact: &mut dyn FnMut(&User) -> User,
    ) -> RecordedAnswer {
        let mut user_at = |user: &Arc<User>, version| {
            let is_known = known.get(&user.user_id) == Some(user);
            if !is_known {
                known.insert(user.user_id.clone(), user.clone());
            }
            let written = (!is_known).then(|| Box::new(redact(user)));
            UserAt { user_id: user.user_id.clone(), version, user: written }
        };
        match self {
            Self::Users(users) => {
                RecordedAnswer::Users(users.iter().map(|it| user_at(&it.user, it.version)).collect())
            }
            Self::User(stored) | Self::Owner(Some(stored)) => {
                RecordedAnswer::User(user_at(&stored.user, stored.version))
            }
            Self::Owner(None) => RecordedAnswer::NoUser,
            Self::Linked(user) => RecordedAnswer::Linked(user_at(user, 0)),
            Self::Failed(error) => RecordedAnswer::Error(error.clone()),
        }
    }

    /// Reads the answer of a call from the form of a file.
    ///
    /// # Errors
    ///
    /// If the answer is not one of this call, or names a user that nothing before it shows.
    pub(super) fn from_file(
        call: &DirectoryCall,
        answer: RecordedAnswer,
        known: &mut KnownUsers,
    ) -> Result<Self, String> {
        let mut stored = |at: UserAt| {
            let user = match at.user {
                Some(user) if user.user_id != at.user_id => {
                    return Err(format!("the user `{}` stands at `{}`", user.user_id, at.user_id));
                }
                Some(user) => Arc::new(*user),
                None => known.get(&at.user_id).cloned().ok_or_else(|| {
                    format!("nothing before it, nor `users`, shows the user `{}`", at.user_id)
                })?,
            };
            known.insert(at.user_id, user.clone());
            Ok(Stored { user, version: at.version })
        };
        Ok(match (call, answer) {
            (_, RecordedAnswer::Error(error)) => Self::Failed(error),
            (DirectoryCall::FindByEmail { .. }, RecordedAnswer::Users(users)) => {
                Self::Users(users.into_iter().map(stored).collect::<Result<_, _>>()?)
            }
            (DirectoryCall::Get { .. } | DirectoryCall::PatchMetadata { .. }, RecordedAnswer::User(user)) => {
                Self::User(stored(user)?)
            }
            (DirectoryCall::Owner { .. }, RecordedAnswer::User(user)) => Self::Owner(Some(stored(user)?)),
            (DirectoryCall::Owner { .. }, RecordedAnswer::NoUser) => Self::Owner(None),
            (DirectoryCall::Link { .. }, RecordedAnswer::Linked(user)) => Self::Linked(stored(user)?.user),
            _ => return Err("the answer is none of this call".to_owned()),
        })
    }
}
