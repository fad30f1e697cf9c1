//! Organizations. A user holds the ids of the user's organizations.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::User;
use crate::tenant::config;
use crate::tenant::management_data::groups::{Group, GroupKind};

/// An organization.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Organization {
    id: String,
    name: String,
    display_name: String,
    #[serde(skip)]
    is_configured: bool,
}

impl From<&config::ConfiguredOrganization> for Organization {
    fn from(organization: &config::ConfiguredOrganization) -> Self {
        let config::ConfiguredOrganization { id, name, display_name } = organization.clone();
        Self { id, display_name: display_name.unwrap_or_else(|| name.clone()), name, is_configured: true }
    }
}

impl Group for Organization {
    const KIND: GroupKind = GroupKind::Organization;

    fn new(id: String, name: String, display_name: String) -> Self {
        Self { id, name, display_name, is_configured: false }
    }

    fn from_key(id: &str) -> Self {
        Self::new(id.to_owned(), id.to_owned(), id.to_owned())
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
        &self.id
    }

    fn keys(user: &User) -> &Vec<String> {
        &user.organizations
    }

    fn keys_mut(user: &mut User) -> &mut Vec<String> {
        &mut user.organizations
    }
}
