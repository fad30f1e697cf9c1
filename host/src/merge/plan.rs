//! The effect of a merge on two users at their versions.

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::merge_request::{MergeChoice, MergePair, MergeScope};
use super::metadata::{MetadataEffect, MetadataRule, plan_metadata};
use super::refusal::{MergeRefusal, find_refusal};
use super::warning::{MergeWarning, find_warnings};
use crate::model::{LinkRequest, Timestamp, User, absorb};

/// The data of the removed account that the remaining account does not take over. The journal keeps
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostData {
    /// The keys of `user_metadata`.
    pub user_metadata: Vec<String>,
    /// The keys of `app_metadata`.
    pub app_metadata: Vec<String>,
    /// The names of roles.
    pub roles: Vec<String>,
    /// The ids of organizations.
    pub organizations: Vec<String>,
}

/// The effect of a merge. It holds for the two users at the versions that they were read at.
#[derive(Debug, Clone, PartialEq)]
pub struct MergePlan {
    /// The account that stays, as it is.
    pub kept: Arc<User>,
    /// The account that goes, as it is.
    pub moved: Arc<User>,
    /// The account that stays, as it will be.
    pub after: User,
    /// The effect on `user_metadata`.
    pub user_metadata: MetadataEffect,
    /// The effect on `app_metadata`.
    pub app_metadata: MetadataEffect,
    /// The data that is not taken over.
    pub lost: LostData,
    /// The facts that a person should know.
    pub warnings: Vec<MergeWarning>,
    pub(super) request: LinkRequest,
    pub(super) versions: [u64; 2],
    choice: MergeChoice,
}

/// A digest of a plan: of the accounts, their versions and the choice. A form sends it, so that
/// nothing else is done than its person has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanDigest(String);

impl PlanDigest {
    /// The digest as text: 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Plans a merge, and changes nothing.
///
/// # Errors
///
/// The reason for which it is refused.
pub fn plan_merge(
    pair: MergePair<'_>,
    choice: MergeChoice,
    scope: MergeScope<'_>,
    now: Timestamp,
) -> Result<MergePlan, MergeRefusal> {
    let (kept, moved) = (&pair.kept.user, &pair.moved.user);
    if let Some(refusal) = find_refusal(kept, moved, scope) {
        return Err(refusal);
    }
    let choice = match scope {
        MergeScope::Operator => choice,
        MergeScope::Owner { .. } | MergeScope::Application { .. } => {
            MergeChoice { app_metadata: MetadataRule::Keep, ..choice }
        }
    };
    let (user_metadata, user_patch) =
        plan_metadata(kept.user_metadata.as_ref(), moved.user_metadata.as_ref(), choice.user_metadata);
    let (app_metadata, app_patch) =
        plan_metadata(kept.app_metadata.as_ref(), moved.app_metadata.as_ref(), choice.app_metadata);
    let request = LinkRequest {
        primary: kept.user_id.clone(),
        secondary: moved.user_id.clone(),
        user_metadata: user_patch,
        app_metadata: app_patch,
        reasons: Arc::new([]),
    };
    let missing = |moved: &[String], kept: &[String]| -> Vec<String> {
        moved.iter().filter(|it| !kept.contains(it)).cloned().collect()
    };
    let lost = LostData {
        user_metadata: user_metadata.left.clone(),
        app_metadata: app_metadata.left.clone(),
        roles: missing(&moved.roles, &kept.roles),
        organizations: missing(&moved.organizations, &kept.organizations),
    };
    Ok(MergePlan {
        kept: kept.clone(),
        moved: moved.clone(),
        after: absorb(kept, moved, &request, now),
        user_metadata,
        app_metadata,
        lost,
        warnings: find_warnings(pair),
        request,
        versions: [pair.kept.version, pair.moved.version],
        choice,
    })
}

impl MergePlan {
    /// Returns the digest of the plan.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        let MergeChoice { user_metadata, app_metadata } = self.choice;
        let [kept, moved] = self.versions;
        let mut hash = Sha256::new();
        for part in [&self.kept.user_id, &self.moved.user_id] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(kept.to_be_bytes());
        hash.update(moved.to_be_bytes());
        hash.update([user_metadata as u8, app_metadata as u8]);
        PlanDigest(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
