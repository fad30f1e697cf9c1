//! Carrying out a planned merge.

use std::sync::Arc;

use super::plan::MergePlan;
use crate::directory::{Administration, CheckedLink, Entry, EntryId, EntryKind, JournalQuery, Provenance};
use crate::model::{ApiError, Level, Reason, Timestamp, User, join_lines, mask_addresses};

/// The most bytes of an operator's reason in the journal: 500 characters.
const LONGEST_REASON: usize = 2_000;

/// The number of newest links that are searched for the one of the merge.
const NEWEST: usize = 10;

/// The person who merges, and their reason.
#[derive(Debug, Clone)]
pub enum MergeAuthor {
    /// The owner of both accounts.
    Owner(Arc<Provenance>),
    /// An operator.
    Operator {
        /// The operator.
        provenance: Arc<Provenance>,
        /// The reason, which the journal keeps with addresses masked.
        reason: Option<String>,
    },
}

/// A merge that was carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The account that stayed.
    pub user: Arc<User>,
    /// The journal's entry, by which the merge is undone; none after a dry run, or if the journal could
    /// not be read.
    pub link: Option<EntryId>,
}

/// The reason why a merge failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MergeError {
    /// An account has changed since the plan, which has to be made again.
    #[error(
        "one of the accounts was changed meanwhile, and nothing was merged: {0}; look at them, and try again"
    )]
    Changed(String),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] ApiError),
}

impl MergePlan {
    /// Carries out the merge, if both accounts are still at the versions of the plan.
    ///
    /// # Errors
    ///
    /// If an account has changed, or the directory fails.
    pub fn carry_out(
        &self,
        directory: &dyn Administration,
        author: &MergeAuthor,
        now: Timestamp,
    ) -> Result<Merged, MergeError> {
        let provenance = match author {
            MergeAuthor::Owner(provenance) | MergeAuthor::Operator { provenance, .. } => provenance.clone(),
        };
        let mut request = self.request.clone();
        request.reasons = author.reasons().into();
        let [kept, moved] = self.versions.map(Some);
        let link = CheckedLink {
            request,
            primary_version: kept,
            secondary_version: moved,
            read: None,
            provenance,
            now,
        };
        let linked = directory.link(&link);
        tracing::info!(
            target: "audit", primary = %mask_addresses(&self.kept.user_id),
            secondary = %mask_addresses(&self.moved.user_id), done = linked.is_ok(), "merge"
        );
        let user = linked.map_err(|error| match error {
            ApiError::StateChanged(why) | ApiError::NotFound(why) | ApiError::AlreadyLinked(why) => {
                MergeError::Changed(mask_addresses(&why).into_owned())
            }
            error => MergeError::Directory(error),
        })?;
        let query = JournalQuery {
            user_id: Some(self.moved.user_id.clone()),
            kind: Some(EntryKind::Link),
            limit: NEWEST,
            ..JournalQuery::default()
        };
        Ok(Merged { user, link: self.name_link(directory.journal(&query)) })
    }

    /// Returns the journal's entry of the merge. If the journal cannot be read, the merge is made
    /// nevertheless.
    pub(super) fn name_link(&self, entries: Result<Vec<Entry>, ApiError>) -> Option<EntryId> {
        let entries = entries.inspect_err(|error| {
            tracing::error!(error = %mask_addresses(&error.to_string()), "the entry of a merge could not be read");
        });
        let is_ours = |it: &&Entry| {
            it.primary == self.kept.user_id && it.secondary == self.moved.user_id && it.undone.is_none()
        };
        entries.ok()?.iter().find(is_ours).map(|entry| entry.id.clone())
    }
}

impl MergeAuthor {
    fn reasons(&self) -> Vec<Reason> {
        let (code, detail) = match self {
            Self::Owner(_) => ("LINKED_BY_OWNER", "The owner has proved both accounts.".to_owned()),
            Self::Operator { reason: None, .. } => return Vec::new(),
            Self::Operator { reason: Some(reason), .. } => {
                ("MERGED_BY_OPERATOR", mask_addresses(&join_lines(reason, LONGEST_REASON)).into_owned())
            }
        };
        vec![Reason { code: code.to_owned(), level: Level::Info, subject: Vec::new(), detail }]
    }
}
