//! A directory in which things go wrong, or that looks up less than ours, when
//! the case says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::case::Case;
use crate::directory::{Administration, CheckedLink, Directory, Memory, Stored};
use crate::model::{ApiError, IdentityKey, MetadataPatch, Timestamp, User};

/// Something that goes wrong at one call of the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// At which call. The host's own re-reading before a link counts as
    /// `users.get`.
    pub call: FaultyCall,
    /// At the how manieth such call, from 1.
    pub nth: u32,
    /// What the directory answers instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    /// Whether the call takes effect all the same, and only its answer is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_effect: bool,
    /// Users as somebody else writes them just before the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meanwhile: Vec<User>,
    /// Users that somebody else deletes just before the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meanwhile_deleted: Vec<String>,
}

/// A call of the directory.
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

/// A directory with faults.
pub struct Faulty {
    inner: Arc<Memory>,
    faults: Vec<Fault>,
    /// Whether it finds addresses in exactly their case only.
    is_exact: bool,
    calls: [AtomicU32; 3],
}

impl Faulty {
    /// The directory of this case. Each kind of call is counted from here.
    #[must_use]
    pub fn new(inner: Arc<Memory>, case: &Case) -> Self {
        Self { inner, faults: case.faults.clone(), is_exact: case.exact_look_up, calls: Default::default() }
    }

    fn call<T>(&self, call: FaultyCall, done: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
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
            None => done(),
            Some(error) => {
                if takes_effect {
                    let _ = done();
                }
                Err(error)
            }
        }
    }
}

impl Directory for Faulty {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.call(FaultyCall::FindByEmail, || {
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
        self.call(FaultyCall::Get, || self.inner.get(user_id))
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.inner.owner(identity)
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        self.call(FaultyCall::Link, || self.inner.link(link))
    }

    fn patch_metadata(
        &self,
        user_id: &str,
        version: Option<u64>,
        patch: &MetadataPatch,
        now: Timestamp,
    ) -> Result<Stored, ApiError> {
        self.inner.patch_metadata(user_id, version, patch, now)
    }
}
