//! The roles of `tenant.toml`, and those created through the Management API.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use crate::random::Random;
use crate::tenant::config;
use crate::tenant::config::derive_id_with_prefix;

/// The most roles that the Management API can create.
const MOST: usize = 100;

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Role {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// Whether the role is from `tenant.toml`. The Management API does not change such a role.
    #[serde(skip)]
    pub(crate) is_configured: bool,
}

/// The reason why a role is not found, created or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RoleError {
    /// There is no role with this id.
    #[error("the role does not exist")]
    Missing,
    /// Another role has the name.
    #[error("there is a role of that name already")]
    NameTaken,
    /// The maximum number of roles exists already.
    #[error("there are {MOST} roles already")]
    TooMany,
}

/// All roles, in the order of their creation.
pub(crate) struct Roles(Mutex<Vec<Role>>);

/// Returns the id derived from a role's name. The role does not need to exist.
fn derive_role_id(name: &str) -> String {
    derive_id_with_prefix("rol_", name)
}

impl Role {
    /// Returns a role that a user has, although it is neither in `tenant.toml` nor created
    /// through the Management API.
    pub(crate) fn from_user_role(name: &str) -> Self {
        Self {
            id: derive_role_id(name),
            name: name.to_owned(),
            description: String::new(),
            is_configured: false,
        }
    }
}

impl Roles {
    pub(crate) fn new(configured: &[config::Role]) -> Self {
        let role = |it: &config::Role| Role {
            id: derive_role_id(&it.name),
            name: it.name.clone(),
            description: it.description.clone(),
            is_configured: true,
        };
        Self(Mutex::new(configured.iter().map(role).collect()))
    }

    pub(crate) fn list(&self) -> Vec<Role> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the role with this id.
    pub(crate) fn get(&self, id: &str) -> Result<Role, RoleError> {
        self.list().into_iter().find(|role| role.id == id).ok_or(RoleError::Missing)
    }

    /// Creates a role.
    pub(crate) fn add(&self, name: &str, description: &str, random: &dyn Random) -> Result<Role, RoleError> {
        let mut roles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if roles.iter().any(|role| role.name == name) {
            return Err(RoleError::NameTaken);
        }
        if roles.iter().filter(|role| !role.is_configured).count() >= MOST {
            return Err(RoleError::TooMany);
        }
        // A role that was renamed since may still have the id derived from this name.
        let mut id = derive_role_id(name);
        if roles.iter().any(|role| role.id == id) {
            id = format!("rol_{}", &random.object_id()[..16]);
        }
        let (name, description) = (name.to_owned(), description.to_owned());
        let role = Role { id, name, description, is_configured: false };
        roles.push(role.clone());
        Ok(role)
    }

    /// Replaces the role with the same id.
    pub(crate) fn replace(&self, with: &Role) -> Result<(), RoleError> {
        let mut roles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if roles.iter().any(|role| role.name == with.name && role.id != with.id) {
            return Err(RoleError::NameTaken);
        }
        let role = roles.iter_mut().find(|role| role.id == with.id).ok_or(RoleError::Missing)?;
        role.clone_from(with);
        Ok(())
    }

    pub(crate) fn remove(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|role| role.id != id);
    }
}
