//! The calls of the Management API, as requests.

use std::sync::Arc;

use serde_json::{Value, json};
use ureq::http::Method;

use super::client::{ApiRequest, ManagementClient};
use super::path::{path, with_parameter};
use super::retry::Repeat;
use super::users_api::{Named, UsersApi};
use super::{CallError, CallErrorKind, Need, TimeLimit, UnmetNeed};
use crate::model::{Identity, IdentityKey, User};

/// The entries that a page of a list has.
const PAGE: usize = 50;

/// The most pages of a list. Auth0 allows 50 roles for a user.
const MOST_PAGES: usize = 20;

impl ManagementClient {
    fn get(&self, segments: &[&str], need: Need) -> Result<ApiRequest, CallError> {
        self.call(Method::GET, segments, need)
    }

    fn call(&self, method: Method, segments: &[&str], need: Need) -> Result<ApiRequest, CallError> {
        let path = path(segments).map_err(|kind| self.error(kind))?;
        let repeat = if method == Method::GET { Repeat::Read } else { Repeat::Change };
        Ok(ApiRequest { method, path, json: None, repeat, need })
    }

    /// Returns all entries of a list that comes in pages.
    fn list(&self, first: ApiRequest, limit: TimeLimit) -> Result<Vec<Named>, CallError> {
        let mut all: Vec<Named> = Vec::new();
        for number in 0..MOST_PAGES {
            let path = with_parameter(&first.path, "per_page", &PAGE.to_string());
            let path = with_parameter(&path, "page", &number.to_string());
            let call = ApiRequest { path, json: None, method: first.method.clone(), ..first };
            let page: Vec<Named> = self.read_json(&call, limit)?;
            let (read, before) = (page.len(), all.len());
            for entry in page {
                if all.iter().all(|known| known.id != entry.id) {
                    all.push(entry);
                }
            }
            // A page without anything new: the tenant does not page this list.
            if read < PAGE || all.len() == before {
                return Ok(all);
            }
        }
        let why = format!("the list has {} entries or more", PAGE * MOST_PAGES);
        Err(self.error(CallErrorKind::Unreadable(why)))
    }

    /// Repeats a look-up whose answer is too long: a user who is not verified comes without
    /// `user_metadata`. Users write their own, and whoever signs up with an address must not
    /// make every look-up of it fail.
    fn long_users(&self, mut call: ApiRequest, limit: TimeLimit) -> Result<Vec<User>, CallError> {
        call.path = with_parameter(&call.path, "fields", "user_metadata");
        call.path = with_parameter(&call.path, "include_fields", "false");
        let short: Vec<User> = self.read_json(&call, limit)?;
        let mut whole = Vec::with_capacity(short.len());
        for user in short {
            if !user.email_verified.is_verified() {
                whole.push(user);
                continue;
            }
            match self.user(&user.user_id, limit) {
                Err(error) if error.is_not_found() => {}
                read => whole.push(read?),
            }
        }
        Ok(whole)
    }
}

impl UsersApi for ManagementClient {
    fn users_by_email(&self, email: &str, limit: TimeLimit) -> Result<Vec<User>, CallError> {
        let mut call = self.get(&["users-by-email"], Need::READ_USERS)?;
        call.path = with_parameter(&call.path, "email", email);
        match self.read_json(&call, limit) {
            Err(CallError { kind: CallErrorKind::TooLong, .. }) => self.long_users(call, limit),
            answer => answer,
        }
    }

    fn user(&self, user_id: &str, limit: TimeLimit) -> Result<User, CallError> {
        self.read_json(&self.get(&["users", user_id], Need::READ_USERS)?, limit)
    }

    fn link(
        &self,
        primary: &str,
        identity: IdentityKey<'_>,
        limit: TimeLimit,
    ) -> Result<Vec<Identity>, CallError> {
        let json = json!({"provider": identity.provider, "user_id": identity.user_id});
        let call = self.call(Method::POST, &["users", primary, "identities"], Need::LINK)?;
        self.read_json(&ApiRequest { json: Some(json), repeat: Repeat::WithoutEffect, ..call }, limit)
    }

    fn unlink(
        &self,
        primary: &str,
        identity: IdentityKey<'_>,
        limit: TimeLimit,
    ) -> Result<Vec<Identity>, CallError> {
        let segments = ["users", primary, "identities", identity.provider, identity.user_id];
        let call = self.call(Method::DELETE, &segments, Need::LINK)?;
        self.read_json(&ApiRequest { repeat: Repeat::WithoutEffect, ..call }, limit)
    }

    fn patch_user(&self, user_id: &str, patch: &Value, limit: TimeLimit) -> Result<User, CallError> {
        let segments = ["users", user_id];
        let call = self.call(Method::PATCH, &segments, Need::WRITE_METADATA)?;
        self.read_json(&ApiRequest { json: Some(patch.clone()), ..call }, limit)
    }

    fn roles(&self, user_id: &str, limit: TimeLimit) -> Result<Vec<Named>, CallError> {
        self.list(self.get(&["users", user_id, "roles"], Need::READ_ROLES)?, limit)
    }

    fn assign_roles(&self, user_id: &str, ids: &[String], limit: TimeLimit) -> Result<(), CallError> {
        if ids.is_empty() {
            return Ok(());
        }
        let json = json!({"roles": ids});
        let call = self.call(Method::POST, &["users", user_id, "roles"], Need::ASSIGN_ROLES)?;
        self.change(&ApiRequest { json: Some(json), ..call }, limit)
    }

    fn organizations(&self, user_id: &str, limit: TimeLimit) -> Result<Vec<Named>, CallError> {
        self.list(self.get(&["users", user_id, "organizations"], Need::READ_ORGANIZATIONS)?, limit)
    }

    fn add_member(&self, organization: &str, user_id: &str, limit: TimeLimit) -> Result<(), CallError> {
        let json = json!({"members": [user_id]});
        let segments = ["organizations", organization, "members"];
        let call = self.call(Method::POST, &segments, Need::ADD_MEMBER)?;
        self.change(&ApiRequest { json: Some(json), ..call }, limit)
    }

    fn unmet_needs(&self, limit: TimeLimit) -> Result<Vec<UnmetNeed>, CallError> {
        self.unmet_needs(limit)
    }

    fn clock_lead(&self) -> Option<i64> {
        self.clock_lead()
    }

    fn for_login(&self) -> Option<Arc<dyn UsersApi>> {
        Some(Arc::new(self.with_new_correlation_id()))
    }
}
