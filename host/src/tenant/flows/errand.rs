//! An errand: a login at the tenant's pages that the account page has asked for, and that ends
//! there.

use crate::model::{Identity, IdentityKey};
use crate::tenant::store::weight::Weighed;

/// A login that the account page has asked for.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    /// The proof of a second account, or of a new way to log in. It logs nobody in.
    Prove(ProveErrand),
    /// A new login of the owner, who wants to change their ways to log in.
    LogInAgain(LogInAgainErrand),
}

/// The proof of a second account.
#[derive(Debug, Clone)]
pub(crate) struct ProveErrand {
    /// The `sid` of the owner's session.
    pub(crate) sid: String,
    /// The id of the owner.
    pub(crate) owner: String,
    /// The owner's name, for the page.
    pub(crate) name: String,
}

/// A new login of the owner.
#[derive(Debug, Clone)]
pub(crate) struct LogInAgainErrand {
    /// The id of the owner.
    pub(crate) owner: String,
    /// The keys of the owner's identities that count.
    identities: Vec<Identity>,
}

impl Errand {
    /// Returns whether the login page offers a connection.
    pub(crate) fn offers(&self, connection: &str) -> bool {
        match self {
            Self::Prove(_) => true,
            Self::LogInAgain(errand) => errand.identities.iter().any(|it| it.connection == connection),
        }
    }

    /// Returns the heading of the login page.
    pub(crate) fn heading(&self) -> &'static str {
        match self {
            Self::Prove(_) => "Add another way to log in",
            Self::LogInAgain(_) => "Log in again",
        }
    }

    /// Returns the request to the user.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Prove(ProveErrand { name, .. }) => format!(
                "You are logged in as {name}. Log in now with the account or the new login that you want to \
                 add. Nothing is added before you have seen what changes."
            ),
            Self::LogInAgain(_) => {
                "To change how you log in, prove that it is you: log in once more, with the main login \
                                    of your account."
                    .to_owned()
            }
        }
    }
}

impl LogInAgainErrand {
    /// A new login of this owner by one of these identities.
    pub(crate) fn new(owner: &str, identities: &[Identity]) -> Self {
        let key = |identity: &Identity| Identity {
            provider: identity.provider.clone(),
            user_id: identity.user_id.clone(),
            connection: identity.connection.clone(),
            ..Identity::default()
        };
        Self { owner: owner.to_owned(), identities: identities.iter().map(key).collect() }
    }

    /// Returns whether a login by this identity counts.
    pub(crate) fn accepts(&self, key: IdentityKey<'_>) -> bool {
        self.identities.iter().any(|it| it.key() == key)
    }
}

impl Weighed for Errand {
    fn bytes(&self) -> usize {
        match self {
            Self::Prove(ProveErrand { sid, owner, name }) => sid.len() + owner.len() + name.len(),
            Self::LogInAgain(LogInAgainErrand { owner, identities }) => {
                let key = |it: &Identity| it.provider.len() + it.user_id.len() + it.connection.len();
                owner.len() + identities.iter().map(|it| size_of::<Identity>() + key(it)).sum::<usize>()
            }
        }
    }
}
