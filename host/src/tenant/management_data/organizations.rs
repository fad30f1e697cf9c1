//! The organizations of `tenant.toml`, and those created through the Management API.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use crate::random::Random;
use crate::tenant::config;
use crate::tenant::config::derive_organization_id;

/// The most organizations that the Management API can create.
const MOST: usize = 100;

/// An organization.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) display_name: String,
    /// Whether the organization is from `tenant.toml`. The Management API does not remove it.
    #[serde(skip)]
    pub(crate) is_configured: bool,
}

/// The reason why an organization is not found or created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrganizationError {
    /// There is no organization with this id.
    #[error("the organization does not exist")]
    Missing,
    /// Another organization has the name.
    #[error("there is an organization of that name already")]
    NameTaken,
    /// The maximum number of organizations exists already.
    #[error("there are {MOST} organizations already")]
    TooMany,
}

/// All organizations, in the order of their creation.
pub(crate) struct Organizations(Mutex<Vec<Organization>>);

impl Organization {
    /// Returns the organization of a membership that a user has, although the organization is
    /// neither in `tenant.toml` nor created through the Management API.
    pub(crate) fn from_membership(id: &str) -> Self {
        Self { id: id.to_owned(), name: id.to_owned(), display_name: id.to_owned(), is_configured: false }
    }
}

impl Organizations {
    pub(crate) fn new(configured: &[config::Organization]) -> Self {
        let organization = |it: &config::Organization| Organization {
            id: it.id.clone(),
            name: it.name.clone(),
            display_name: it.display_name.clone().unwrap_or_else(|| it.name.clone()),
            is_configured: true,
        };
        Self(Mutex::new(configured.iter().map(organization).collect()))
    }

    pub(crate) fn list(&self) -> Vec<Organization> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the organization with this id.
    pub(crate) fn get(&self, id: &str) -> Result<Organization, OrganizationError> {
        self.list().into_iter().find(|it| it.id == id).ok_or(OrganizationError::Missing)
    }

    /// Creates an organization.
    pub(crate) fn add(
        &self,
        name: &str,
        display_name: &str,
        random: &dyn Random,
    ) -> Result<Organization, OrganizationError> {
        let mut organizations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if organizations.iter().any(|it| it.name == name) {
            return Err(OrganizationError::NameTaken);
        }
        if organizations.iter().filter(|it| !it.is_configured).count() >= MOST {
            return Err(OrganizationError::TooMany);
        }
        // The id of `tenant.toml` may be any.
        let mut id = derive_organization_id(name);
        if organizations.iter().any(|it| it.id == id) {
            id = format!("org_{}", &random.object_id()[..16]);
        }
        let (name, display_name) = (name.to_owned(), display_name.to_owned());
        let organization = Organization { id, name, display_name, is_configured: false };
        organizations.push(organization.clone());
        Ok(organization)
    }

    pub(crate) fn remove(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| it.id != id);
    }
}
