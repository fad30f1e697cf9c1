//! Groups of users: the roles and the organizations. They come from `tenant.toml`, or are
//! created through the Management API.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::model::User;
use crate::random::Random;
use crate::tenant::config::derive_id_with_prefix;

/// The most groups of one kind that the Management API can create.
const MOST: usize = 100;

/// A role or an organization. A user holds the key of each group that the user is a member of.
pub(crate) trait Group: Clone + Serialize + Send + 'static {
    const KIND: GroupKind;

    /// Returns a group that is not from `tenant.toml`. `text` is the description of a role, and
    /// the name for people of an organization.
    fn new(id: String, name: String, text: String) -> Self;

    /// Returns the group of a membership that a user has, although the group is neither in
    /// `tenant.toml` nor created through the Management API.
    fn from_key(key: &str) -> Self;

    fn id(&self) -> &str;

    fn name(&self) -> &str;

    /// Returns whether the group is from `tenant.toml`. The Management API does not change such a
    /// group.
    fn is_configured(&self) -> bool;

    /// The key by which users refer to the group: the name of a role, the id of an organization.
    fn key(&self) -> &str;

    /// Returns the keys of the groups that a user is a member of.
    fn keys(user: &User) -> &Vec<String>;

    fn keys_mut(user: &mut User) -> &mut Vec<String>;

    /// Returns the id derived from a name, the same at every start.
    fn derive_id(name: &str) -> String {
        derive_id_with_prefix(Self::KIND.id_prefix(), name)
    }
}

/// The kind of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupKind {
    Role,
    Organization,
}

impl GroupKind {
    fn id_prefix(self) -> &'static str {
        match self {
            Self::Role => "rol_",
            Self::Organization => "org_",
        }
    }
}

/// A group that is not found, created or changed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupError {
    pub(crate) kind: GroupKind,
    pub(crate) reason: GroupErrorReason,
}

/// The reason why a group is not found, created or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupErrorReason {
    /// There is no group with this id.
    Missing,
    /// Another group of the kind has the name.
    NameTaken,
    /// [`MOST`] groups exist already.
    TooMany,
    /// The group is from `tenant.toml`.
    Configured,
}

/// All groups of one kind, in the order of their creation.
pub(crate) struct Groups<G>(Mutex<Vec<G>>);

impl<G: Group> Groups<G> {
    pub(crate) fn new(configured: impl Iterator<Item = G>) -> Self {
        Self(Mutex::new(configured.collect()))
    }

    pub(crate) fn list(&self) -> Vec<G> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the group with this id.
    pub(crate) fn get(&self, id: &str) -> Result<G, GroupError> {
        self.list().into_iter().find(|it| it.id() == id).ok_or_else(|| error::<G>(GroupErrorReason::Missing))
    }

    /// Returns the group with this id, if the Management API has created it.
    pub(crate) fn get_changeable(&self, id: &str) -> Result<G, GroupError> {
        let group = self.get(id)?;
        if group.is_configured() {
            return Err(error::<G>(GroupErrorReason::Configured));
        }
        Ok(group)
    }

    /// Creates a group.
    pub(crate) fn add(&self, name: &str, text: &str, random: &dyn Random) -> Result<G, GroupError> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.iter().any(|it| it.name() == name) {
            return Err(error::<G>(GroupErrorReason::NameTaken));
        }
        if groups.iter().filter(|it| !it.is_configured()).count() >= MOST {
            return Err(error::<G>(GroupErrorReason::TooMany));
        }
        // `tenant.toml` may give an organization any id, and a role that was renamed keeps the id
        // derived from its former name.
        let mut id = G::derive_id(name);
        if groups.iter().any(|it| it.id() == id) {
            id = format!("{}{}", G::KIND.id_prefix(), &random.object_id()[..16]);
        }
        let group = G::new(id, name.to_owned(), text.to_owned());
        groups.push(group.clone());
        Ok(group)
    }

    /// Replaces the group with the same id.
    pub(crate) fn replace(&self, with: &G) -> Result<(), GroupError> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.iter().any(|it| it.name() == with.name() && it.id() != with.id()) {
            return Err(error::<G>(GroupErrorReason::NameTaken));
        }
        let group = groups.iter_mut().find(|it| it.id() == with.id());
        group.ok_or_else(|| error::<G>(GroupErrorReason::Missing))?.clone_from(with);
        Ok(())
    }

    pub(crate) fn remove(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| it.id() != id);
    }
}

fn error<G: Group>(reason: GroupErrorReason) -> GroupError {
    GroupError { kind: G::KIND, reason }
}
