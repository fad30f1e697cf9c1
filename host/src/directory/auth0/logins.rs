//! The operations on a tenant of Auth0 that a login needs.

use std::sync::Arc;
use std::time::Duration;

use super::Auth0Directory;
use super::reading::store;
use crate::directory::link::{CheckedLink, PairReading};
use crate::directory::metadata_update::MetadataUpdate;
use crate::directory::operations::Directory;
use crate::directory::stored::Stored;
use crate::model::{ApiError, IdentityKey, User, patch as patch_metadata};

impl Directory for Auth0Directory {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        let mut found = self.find_exactly(email, self.new_limit())?;
        found.truncate(limit);
        Ok(found)
    }

    fn ignores_case(&self) -> bool {
        false
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        store(self.read_user(user_id, self.new_limit())?)
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.find_owner(identity, self.new_limit())
    }

    fn for_login(&self, time: Duration) -> Option<Arc<dyn Directory>> {
        Some(Arc::new(self.within(time)))
    }

    fn read_pair(&self, known: [&User; 2]) -> PairReading {
        self.read_pair_by_address(known, self.new_limit())
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        self.link_users(link, self.new_limit())
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        let MetadataUpdate { user_id, version, patch, .. } = *update;
        let limit = self.new_limit();
        let mut current = self.read_at_version(user_id, version, limit)?;
        if !self.writes()? {
            for (held, change) in [
                (&mut current.user_metadata, &patch.user_metadata),
                (&mut current.app_metadata, &patch.app_metadata),
            ] {
                change.iter().for_each(|change| patch_metadata(held, change));
            }
            return store(current);
        }
        let mut body = serde_json::Map::new();
        for (name, change) in [("user_metadata", &patch.user_metadata), ("app_metadata", &patch.app_metadata)]
        {
            if let Some(change) = change {
                body.insert(name.to_owned(), change.clone().into());
            }
        }
        let patched = self.api.patch_user(user_id, &body.into(), limit);
        store(patched.map_err(|error| self.failed_of(error, user_id))?.with_own_identity(""))
    }
}
