//! A proved identity, with which every login begins.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::model::{Identity, IdentityKey, Moment, Timestamp, User};
use crate::tenant::config::Connection;
use crate::tenant::store::one_time::Use;
use crate::tenant::store::weight::Weighed;

/// A proved identity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProvedIdentity {
    /// The connection of the identity.
    pub(crate) connection: String,
    /// The user as the provider describes them, with this identity only.
    pub(crate) user: User,
    /// The method of the proof, as in `authentication.methods`.
    pub(crate) method: &'static str,
    /// The time of the proof.
    pub(crate) at: Timestamp,
    /// The second factors that this login has passed.
    pub(crate) factors: Vec<PassedFactor>,
    /// The moment at which the login began. A later revocation ends the login.
    pub(crate) began: Moment,
    /// The use of the code or ticket that proved the identity.
    pub(crate) by: Option<Arc<Use>>,
}

/// A second factor that a login has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassedFactor {
    /// The id of the account to which the factor belonged when it was passed.
    pub(crate) account: String,
    pub(crate) at: Timestamp,
}

impl Weighed for ProvedIdentity {
    fn bytes(&self) -> usize {
        let factors = self.factors.iter().map(|factor| size_of::<PassedFactor>() + factor.account.len());
        self.connection.len() + self.user.bytes() + factors.sum::<usize>()
    }
}

/// Returns a user that has this identity and no attributes yet.
pub(crate) fn new_user(connection: &Connection, id: &str) -> User {
    let provider = connection.provider();
    let own = Identity {
        provider: provider.to_owned(),
        user_id: id.to_owned(),
        connection: connection.name.clone(),
        is_social: connection.is_social(),
        ..Identity::default()
    };
    User { user_id: format!("{provider}|{id}"), identities: vec![own], ..User::default() }
}

impl ProvedIdentity {
    /// Creates an identity of this connection that is proved now and has no attributes yet.
    pub(crate) fn new(connection: &Connection, id: &str, method: &'static str, ambient: &Ambient) -> Self {
        Self {
            connection: connection.name.clone(),
            user: new_user(connection, id),
            method,
            at: ambient.now(),
            factors: Vec::new(),
            began: ambient.draw_moment(),
            by: None,
        }
    }

    pub(crate) fn key(&self) -> Option<IdentityKey<'_>> {
        self.user.identities.first().map(Identity::key)
    }

    /// Returns the time at which the second factor of this account was passed. A factor counts for
    /// no other account, not even for one into which its account was linked since.
    pub(crate) fn passed_factor_of(&self, account: &str) -> Option<Timestamp> {
        self.factors.iter().find(|factor| factor.account == account).map(|factor| factor.at)
    }

    /// Returns the methods by which the proof counts for this account, as in
    /// `authentication.methods`.
    pub(crate) fn methods_for(&self, account: &str) -> Vec<String> {
        let second_factor = self.passed_factor_of(account).map(|_| "mfa".to_owned());
        [self.method.to_owned()].into_iter().chain(second_factor).collect()
    }

    /// Returns the identity for a later login, without the attributes from its provider.
    pub(crate) fn without_attributes(&self) -> Self {
        let user = User {
            user_id: self.user.user_id.clone(),
            identities: self.user.identities.clone(),
            ..User::default()
        };
        let Self { ref connection, method, at, ref factors, began, .. } = *self;
        let (connection, factors) = (connection.clone(), factors.clone());
        Self { user, connection, method, at, factors, began, by: None }
    }

    /// Makes the code or ticket that proved the identity valid again, because the login failed with
    /// an error of the directory.
    pub(crate) fn give_back(&self) {
        if let Some(by) = &self.by {
            by.give_back();
        }
    }
}
