//! A directory with the faults that a case asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directory::{Administration, CheckedLink, Directory, Memory, MetadataUpdate, Stored};
use crate::model::{ApiError, IdentityKey, User};

/// A fault of one call of the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub struct DirectoryFault {
    /// The call. The host's own reads before a link count as `users.get`.
    pub call: FaultyCall,
    /// The nth such call, counting from 1.
    pub nth: u32,
    /// The error that the directory returns instead of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    /// Whether the call takes effect, so that only its answer is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_effect: bool,
    /// Users that another client writes just before the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meanwhile: Vec<User>,
    /// Ids of users that another client deletes just before the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meanwhile_deleted: Vec<String>,
}

/// A call that can have a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FaultyCall {
    /// The look-up by address.
    #[serde(rename = "users.find-by-email")]
    FindByEmail,
    /// The look-up by id.
    #[serde(rename = "users.get")]
    Get,
    /// The link.
    #[serde(rename = "accounts.link")]
    Link,
}

/// A directory in memory with faults.
pub struct FaultyDirectory {
    inner: Arc<Memory>,
    faults: Vec<DirectoryFault>,
    /// Whether look-ups by address are case-sensitive.
    is_exact: bool,
    calls: [AtomicU32; 3],
}

impl FaultyDirectory {
    /// Creates a directory with these faults. Each kind of call is counted from 1.
    #[must_use]
    pub fn new(inner: Arc<Memory>, faults: Vec<DirectoryFault>, is_exact: bool) -> Self {
        Self { inner, faults, is_exact, calls: Default::default() }
    }

    /// Counts a call, and makes it with its faults.
    fn call_with_faults<T>(
        &self,
        call: FaultyCall,
        make: impl FnOnce() -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let nth = self.calls[call as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let mut answer = None;
        let mut takes_effect = true;
        for fault in self.faults.iter().filter(|fault| fault.call == call && fault.nth == nth) {
            for user in &fault.meanwhile {
                self.inner.put(user.clone());
            }
            for user_id in &fault.meanwhile_deleted {
                self.inner.remove(user_id);
            }
            if let Some(error) = &fault.error {
                answer = Some(error.clone());
                takes_effect = fault.takes_effect;
            }
        }
        match answer {
            None => make(),
            Some(error) => {
                if takes_effect {
                    let _ = make();
                }
                Err(error)
            }
        }
    }
}

impl Directory for FaultyDirectory {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.call_with_faults(FaultyCall::FindByEmail, || {
            if self.is_exact {
                self.inner.find_by_exact_email(email, limit)
            } else {
                self.inner.find_by_email(email, limit)
            }
        })
    }

    fn ignores_case(&self) -> bool {
        !self.is_exact
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.call_with_faults(FaultyCall::Get, || self.inner.get(user_id))
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.inner.owner(identity)
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        self.call_with_faults(FaultyCall::Link, || self.inner.link(link))
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        self.inner.patch_metadata(update)
    }
}
