//! Look-ups at a tenant.

use std::sync::Arc;

use super::Auth0Directory;
use crate::auth0::TimeLimit;
use crate::directory::content_version::compute_content_version;
use crate::directory::journal::{Entry, EntryId, EntryKind};
use crate::directory::link::PairReading;
use crate::directory::records::{TxError, TxResult};
use crate::directory::stored::Stored;
use crate::directory::undo::UndoReads;
use crate::model::{ApiError, Identity, IdentityKey, User};

impl Auth0Directory {
    /// Returns a user. `not-found` if there is none, or if it has become an identity of
    /// another.
    pub(super) fn read_user(&self, user_id: &str, limit: TimeLimit) -> Result<User, ApiError> {
        let user = self.api.user(user_id, limit).map_err(|error| self.failed_of(error, user_id))?;
        if user.user_id != user_id {
            return Err(ApiError::Unavailable(format!("the tenant returned another user than {user_id}")));
        }
        Ok(user.with_own_identity(""))
    }

    /// Returns a user, or none if the tenant does not have it.
    pub(super) fn find_user(&self, user_id: &str, limit: TimeLimit) -> Result<Option<User>, ApiError> {
        match self.read_user(user_id, limit) {
            Ok(user) => Ok(Some(user)),
            Err(ApiError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns a user that must be at this version, if one is given.
    pub(super) fn read_at_version(
        &self,
        user_id: &str,
        version: Option<u64>,
        limit: TimeLimit,
    ) -> Result<User, ApiError> {
        match (self.find_user(user_id, limit)?, version) {
            (Some(user), None) => Ok(user),
            (Some(user), Some(version)) if compute_content_version(&user)? == version => Ok(user),
            (Some(_), Some(_)) => Err(ApiError::StateChanged(format!("{user_id} was changed"))),
            (None, Some(_)) => Err(ApiError::StateChanged(format!("{user_id} is gone"))),
            (None, None) => Err(ApiError::NotFound(user_id.to_owned())),
        }
    }

    /// Reads the two users of a link by their addresses: one request for both if they have
    /// the same one. A user that has another address by now is read by its id.
    ///
    /// Source: Auth0, "Get users by id or email": both look-ups are immediately consistent.
    pub(super) fn read_pair_by_address(&self, known: [&User; 2], limit: TimeLimit) -> PairReading {
        let pair = known.map(|user| user.user_id.as_str());
        let place = self.settle(pair, None).and_then(|()| self.journal.last_place(pair));
        let place = match place {
            Ok(place) => place,
            Err(error) => return PairReading { users: [Err(error.clone()), Err(error)], place: None },
        };
        let mut found: Vec<Stored> = Vec::new();
        let mut asked: Vec<&str> = Vec::new();
        let users = known.map(|user| {
            if let Some(email) = user.email.as_deref().filter(|email| !asked.contains(email)) {
                asked.push(email);
                found.extend(self.find_exactly(email, limit)?);
            }
            match found.iter().find(|stored| stored.user.user_id == user.user_id) {
                Some(stored) => Ok(stored.clone()),
                None => store(self.read_user(&user.user_id, limit)?),
            }
        });
        PairReading { users, place: Some(place) }
    }

    /// Returns the users with exactly this address, ordered by id.
    pub(super) fn find_exactly(&self, email: &str, limit: TimeLimit) -> Result<Vec<Stored>, ApiError> {
        let mut found = self.api.users_by_email(email, limit).map_err(|error| self.failed(error))?;
        found.retain(|user| user.email.as_deref() == Some(email));
        found.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        found.into_iter().map(|user| store(user.with_own_identity(""))).collect()
    }

    /// Returns the user that has an identity. Auth0 finds a user by its root identity only;
    /// the user of a linked identity is found if the journal has its link.
    pub(super) fn find_holder(&self, identity: &str, limit: TimeLimit) -> Result<Option<User>, ApiError> {
        let mut identity_now = identity.to_owned();
        // A chain of links, each of which moved the identity to another user.
        const CHAIN: usize = 8;
        for _ in 0..CHAIN {
            if let Some(user) = self.find_user(&identity_now, limit)? {
                return Ok(Some(user).filter(|user| has_identity(user, identity)));
            }
            let links = self.journal.entries_of(&identity_now)?;
            let last = links.into_iter().find(|entry| {
                entry.kind == EntryKind::Link && entry.secondary == identity_now && entry.undone.is_none()
            });
            match last {
                Some(link) => identity_now = link.primary,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Returns the user of an identity. `invalid` if the identity belongs to another
    /// connection.
    pub(super) fn find_owner(
        &self,
        identity: IdentityKey<'_>,
        limit: TimeLimit,
    ) -> Result<Option<Stored>, ApiError> {
        let IdentityKey { connection, provider, user_id } = identity;
        let Some(user) = self.find_holder(&format!("{provider}|{user_id}"), limit)? else {
            return Ok(None);
        };
        let is_it = |it: &&Identity| it.provider == provider && it.user_id == user_id;
        match user.identities.iter().find(is_it) {
            Some(known) if known.connection != connection => Err(ApiError::Invalid(format!(
                "the identity {provider}|{user_id} belongs to the connection `{}`, not to `{connection}`",
                known.connection
            ))),
            _ => store(user).map(Some),
        }
    }
}

/// Returns a user with its version.
pub(super) fn store(user: User) -> Result<Stored, ApiError> {
    let version = compute_content_version(&user)?;
    Ok(Stored { user: Arc::new(user), version })
}

/// Returns whether a user has an identity (`provider|id`).
pub(super) fn has_identity(user: &User, identity: &str) -> bool {
    contains_identity(&user.identities, identity)
}

/// Returns whether an identity (`provider|id`) is among others.
pub(super) fn contains_identity(identities: &[Identity], identity: &str) -> bool {
    identities.iter().any(|it| it.as_user_id() == identity)
}

/// The reads of an undo: users from the tenant, entries from the journal.
pub(super) struct TenantReads<'a> {
    pub(super) directory: &'a Auth0Directory,
    pub(super) limit: TimeLimit,
}

impl UndoReads for TenantReads<'_> {
    fn entry(&mut self, id: &EntryId) -> TxResult<Option<Entry>> {
        match self.directory.journal.journal_entry(id) {
            Ok(entry) => Ok(Some(entry)),
            Err(ApiError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn entries_of(&mut self, user_id: &str) -> TxResult<Vec<Entry>> {
        self.directory.journal.entries_of(user_id).map_err(TxError::from)
    }

    fn user(&mut self, user_id: &str) -> TxResult<Option<Stored>> {
        let found = self.directory.find_user(user_id, self.limit)?;
        Ok(found.map(store).transpose()?)
    }

    fn owner_id(&mut self, provider: &str, user_id: &str) -> TxResult<Option<String>> {
        let holder = self.directory.find_holder(&format!("{provider}|{user_id}"), self.limit)?;
        Ok(holder.map(|user| user.user_id))
    }

    fn restores_profiles(&self) -> bool {
        false
    }
}
