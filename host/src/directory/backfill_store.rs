//! The runs of a backfill: which groups of accounts are applied, by which process, and how it ended.

use crate::model::{ApiError, Timestamp};

/// A run of a backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRun {
    /// The id, in hexadecimal.
    pub run_id: String,
    /// The time of its begin.
    pub began_at: Timestamp,
    /// Whether all groups are stored, so that they can be claimed.
    pub is_ready: bool,
    /// The plan of the run, as JSON.
    pub record: String,
}

/// The state of a group within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunGroupState {
    /// The group is not applied yet.
    Waiting,
    /// Its accounts are linked.
    Linked,
    /// It was left out, for the reason of the result.
    LeftOut,
    /// Its links are undone.
    Undone,
    /// A link of it cannot be undone.
    UndoRefused,
}

impl RunGroupState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Linked, Self::LeftOut, Self::Undone, Self::UndoRefused];

    /// The name in databases and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Linked => "linked",
            Self::LeftOut => "left_out",
            Self::Undone => "undone",
            Self::UndoRefused => "undo_refused",
        }
    }

    /// Returns the state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A group of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunGroup {
    /// The id of the group.
    pub group_id: String,
    /// The state.
    pub state: RunGroupState,
    /// The plan of the group, as JSON.
    pub plan: String,
    /// The code of the reason for the state; empty if it waits.
    pub reason: String,
    /// The reason in words.
    pub detail: String,
    /// The number of claims. More than one: an earlier process may have done a part.
    pub claims: u64,
}

/// A claim of groups, until a time.
#[derive(Debug, Clone)]
pub struct GroupClaim {
    /// The run.
    pub run_id: String,
    /// The id of the claim, which no other one has.
    pub claim: String,
    /// The state of the groups to claim.
    pub state: RunGroupState,
    /// The groups to claim, as far as they are free.
    pub which: ClaimedGroups,
    /// The time of the claim. Groups whose claim has ended before it can be claimed.
    pub now: Timestamp,
    /// The end of the claim.
    pub until: Timestamp,
}

/// The groups that a claim is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimedGroups {
    /// Groups whose ids follow `after`, in the order of their ids, at most `limit`.
    Following {
        /// The id. Groups before it are not read again, such as those that are done.
        after: String,
        /// The maximum number of groups.
        limit: usize,
    },
    /// The groups with these ids.
    Named(Vec<String>),
}

/// The result of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupResult {
    /// The id of the group.
    pub group_id: String,
    /// The new state.
    pub state: RunGroupState,
    /// The code of the reason.
    pub reason: String,
    /// The reason in words, without whole addresses.
    pub detail: String,
}

/// The number of groups of a run with one state and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCount {
    /// The state.
    pub state: RunGroupState,
    /// The code of the reason.
    pub reason: String,
    /// The number of groups.
    pub number: u64,
}

/// The runs that a database keeps. Any number of processes can share a run: a group belongs to one
/// claim at a time, and to nobody once the claim has ended.
///
/// # Errors
///
/// The same as for [`Directory`](super::Directory).
pub trait BackfillStore: Send + Sync {
    /// Adds a run that is not ready, unless it exists. Returns the run as it is stored.
    fn begin_run(&self, run: &BackfillRun) -> Result<BackfillRun, ApiError>;

    /// Adds groups, each as its id and its plan. Groups that exist stay as they are.
    fn add_run_groups(&self, run_id: &str, groups: &[(String, String)]) -> Result<(), ApiError>;

    /// Marks a run as ready.
    fn open_run(&self, run_id: &str) -> Result<(), ApiError>;

    /// Returns a run, or none.
    fn run(&self, run_id: &str) -> Result<Option<BackfillRun>, ApiError>;

    /// Returns the ids of runs that begin like this, at most `limit`.
    fn find_runs(&self, beginning: &str, limit: usize) -> Result<Vec<String>, ApiError>;

    /// Returns the runs, the newest first, at most `limit`.
    fn runs(&self, limit: usize) -> Result<Vec<BackfillRun>, ApiError>;

    /// Claims groups that no other claim holds. Returns them in the order of their ids.
    fn claim_groups(&self, claim: &GroupClaim) -> Result<Vec<RunGroup>, ApiError>;

    /// Extends a claim. Returns the number of groups that it still holds.
    fn extend_claim(&self, claim: &GroupClaim) -> Result<u64, ApiError>;

    /// Records results of groups that the claim still holds, and releases them. Returns their number.
    fn finish_groups(&self, claim: &GroupClaim, results: &[GroupResult]) -> Result<u64, ApiError>;

    /// Releases the groups that a claim still holds, without a result.
    fn release_claim(&self, claim: &GroupClaim) -> Result<(), ApiError>;

    /// Counts the groups of a run by state and reason.
    fn count_groups(&self, run_id: &str) -> Result<Vec<GroupCount>, ApiError>;

    /// Returns whether a group of a run is in this state, whoever has claimed it.
    fn has_groups(&self, run_id: &str, state: RunGroupState) -> Result<bool, ApiError>;

    /// Returns groups whose ids follow `after`, in the order of their ids, at most `limit`.
    fn run_groups(&self, run_id: &str, after: &str, limit: usize) -> Result<Vec<RunGroup>, ApiError>;
}
