//! The errors of a backfill.

use std::io;

use super::group::GroupId;
use super::plan::PlanError;
use crate::auth0::CallError;
use crate::model::{ApiError, Timestamp};
use crate::reading::describe_io_error;
use crate::transfer::ReadError;

/// The reason why a backfill does not go on.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The users come from a stream.
    #[error(
        "a preview reads the users twice, and a pipe or standard input can be read once only: name a file"
    )]
    Stream,
    /// The file of users cannot be read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file holds no user. Holds the place and the reason of the first text that is none.
    #[error("the file of users holds no user{}", .0.as_ref().map(|(place, why)| format!("; {place}: {why}")).unwrap_or_default())]
    NoUsers(Option<(String, String)>),
    /// The last user of the file is not whole.
    #[error("the file of users breaks off in the middle of its last user, {0}; export or copy it again")]
    Truncated(String),
    /// The file of users was written to meanwhile.
    #[error("the file of users has changed while it was read; preview it again")]
    FileChanged,
    /// The temporary file of the groups failed.
    #[error("the temporary file of the groups: {}", describe_io_error(.0))]
    Spool(io::Error),
    /// The work was stopped.
    #[error("the preview was stopped; nothing was written")]
    Stopped,
    /// A tenant does not export its users.
    #[error(transparent)]
    Tenant(#[from] CallError),
    /// The export job of a tenant has failed.
    #[error("the tenant's export job {job} has failed: {why}")]
    ExportFailed {
        /// The id of the job.
        job: String,
        /// The reason.
        why: String,
    },
    /// The export job of a tenant does not end.
    #[error(
        "the tenant's export job {job} has not ended after {hours} hours; preview again, or name an export with --users"
    )]
    ExportEndless {
        /// The id of the job.
        job: String,
        /// The hours for which it was waited for.
        hours: u64,
    },
    /// The download of an export has broken several times.
    #[error("the file of the tenant's export job {job} cannot be downloaded: {}", describe_io_error(.error))]
    Download {
        /// The id of the job.
        job: String,
        /// The last error.
        error: io::Error,
    },
    /// The temporary file of an export failed.
    #[error("the temporary file of the tenant's export: {}", describe_io_error(.0))]
    ExportFile(io::Error),
    /// The plan cannot be written.
    #[error("the plan cannot be written: {}", describe_io_error(.0))]
    Unwritable(io::Error),
    /// The plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The runs cannot be stored.
    #[error(
        "a run is kept in a database: name a directory in SQLite or PostgreSQL, or a --journal for a tenant of Auth0"
    )]
    NoStore,
    /// The plan was made by other policies.
    #[error("the plan was made by another policy: {0}; give the policy of the preview, or preview again")]
    OtherPolicy(String),
    /// A policy only observes.
    #[error(
        "the policy only observes, so that nothing would be linked; set its `mode` to `auto` and preview again"
    )]
    Observes,
    /// The plan was made from another directory.
    #[error(
        "the plan was made from another directory, which was {from} at {decided_at}; apply it to that one, or preview \
         this one"
    )]
    OtherDirectory {
        /// The source of the plan.
        from: String,
        /// The time of the plan.
        decided_at: Timestamp,
    },
    /// The plan is of other users.
    #[error(
        "none of the accounts of the plan's first {looked_for} groups is in this directory with the same address: the plan \
         is of other users"
    )]
    OtherUsers {
        /// The number of groups whose accounts were looked for.
        looked_for: usize,
    },
    /// No group is to be linked.
    #[error("no group is selected: the options exclude each group that the plan links: {not_selected}")]
    NothingSelected {
        /// The number of groups with links that are not selected.
        not_selected: u64,
    },
    /// A review names a group that the plan lacks.
    #[error("the plan has no group {0}, which the file of --groups names")]
    UnknownGroup(GroupId),
    /// There is no such run.
    #[error("there is no run `{0}` here; `ligature backfill status` lists the runs")]
    UnknownRun(String),
    /// Several runs have ids with this beginning.
    #[error("several runs begin with `{0}`; `ligature backfill status` lists the runs")]
    AmbiguousRun(String),
    /// A stored group cannot be read.
    #[error("the stored group {0} is damaged: {1}")]
    DamagedGroup(String, String),
    /// A link whose process has died is not settled.
    #[error(
        "it is not known whether the link {0} was made: its process has died; `ligature journal repair` says why, and \
         then the same command goes on"
    )]
    Unsettled(String),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] ApiError),
}
