//! Roles. A user holds the names of the user's roles.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::User;
use crate::tenant::config;
use crate::tenant::management_data::groups::{Group, GroupKind};

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Role {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    #[serde(skip)]
    is_configured: bool,
}

impl From<&config::ConfiguredRole> for Role {
    fn from(role: &config::ConfiguredRole) -> Self {
        Self {
            id: Self::derive_id(&role.name),
            name: role.name.clone(),
            description: role.description.clone(),
            is_configured: true,
        }
    }
}

impl Group for Role {
    const KIND: GroupKind = GroupKind::Role;

    fn new(id: String, name: String, description: String) -> Self {
        Self { id, name, description, is_configured: false }
    }

    fn from_key(name: &str) -> Self {
        Self::new(Self::derive_id(name), name.to_owned(), String::new())
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_configured(&self) -> bool {
        self.is_configured
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn keys(user: &User) -> &Vec<String> {
        &user.roles
    }

    fn keys_mut(user: &mut User) -> &mut Vec<String> {
        &mut user.roles
    }
}
