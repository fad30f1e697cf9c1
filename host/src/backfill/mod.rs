//! Backfill: linking the duplicates that a directory has already.
//!
//! | file | contents |
//! |---|---|
//! | `report`, `report_page`, `report_table` | what a plan says, as a page and as a table |
//! | `preview` | the decisions about all groups of a source |
//! | `suggestions` | the suggestions of a plan as a list |
//! | `apply`, `undo_run`, `planned_links` | applying a run, and undoing it |
//! | `run_worker`, `run_links`, `run` | the groups of a run, which processes share |
//! | `selection` | the groups of a plan that are applied |
//! | `tally` | their counts |
//! | `plan` | the file of a plan |
//! | `group_decision` | the decision about one group |
//! | `tenant_export`, `tenant_groups` | the groups of a tenant of Auth0, by its bulk export |
//! | `directory_groups` | the groups of a directory in a database |
//! | `file_groups`, `file_reading` | the groups of a file of users, and its first reading |
//! | `group` | accounts with one address |
//! | `progress`, `backfill_error` | the progress of a preview, and the reasons why it stops |

mod apply;
mod backfill_error;
mod conflict_advice;
mod directory_groups;
mod dry_run;
mod file_groups;
mod file_reading;
mod group;
mod group_check;
mod group_copy;
mod group_decision;
mod links_together;
mod plan;
mod planned_links;
mod preview;
mod progress;
mod report;
mod report_page;
mod report_table;
mod run;
mod run_links;
mod run_worker;
mod selection;
mod suggestions;
mod tally;
mod tenant_export;
mod tenant_groups;
mod undo_run;

pub use apply::{Application, Pace};
pub use backfill_error::BackfillError;
pub use directory_groups::DirectoryGroups;
pub use dry_run::{ApplyDryRun, DryRunCounts};
pub use file_groups::FileGroups;
pub use file_reading::FileCounts;
pub use group::{Group, GroupId};
pub use group_decision::{GroupDecider, GroupKind, PlannedLogin, ReadRoles};
pub use plan::{
    Addresses, Plan, PlanError, PlanHeader, PlanWriter, PlannedAccount, PlannedGroup, PlannedPolicy,
};
pub use preview::{GroupSource, Preview};
pub use progress::{Phase, Progress, Unwatched};
pub use report::Report;
pub use report_page::render_page;
pub use report_table::{TableError, write_table};
pub use run::{RunRecord, check_policies, derive_run_id, prepare_run, require_store};
pub use run_worker::{CLAIMED_GROUPS, LEASE, RunWorker};
pub use selection::{Review, Sample, Selection};
pub use suggestions::{SuggestedPair, read_suggestions, write_suggestions};
pub use tally::Tally;
pub use tenant_export::TenantExport;
pub use tenant_groups::{TenantGroups, TenantUsers};
pub use undo_run::{RunUndo, UndoCounts};
