//! Backfill: linking the duplicates that a directory has already.
//!
//! | file | contents |
//! |---|---|
//! | `report`, `report_page`, `report_table` | what a plan says, as a page and as a table |
//! | `preview` | the decisions about all groups of a source |
//! | `tally` | their counts |
//! | `plan` | the file of a plan |
//! | `group_decision` | the decision about one group |
//! | `file_groups` | the groups of a file of users |
//! | `group` | accounts with one address |
//! | `progress`, `backfill_error` | what a preview tells while it works, and why it stops |

mod backfill_error;
mod file_groups;
mod group;
mod group_decision;
mod plan;
mod preview;
mod progress;
mod report;
mod report_page;
mod report_table;
mod tally;

pub use backfill_error::BackfillError;
pub use file_groups::{FileCounts, FileGroups};
pub use group::{Group, GroupId};
pub use group_decision::{GroupDecider, GroupKind, PlannedLogin};
pub use plan::{Plan, PlanError, PlanHeader, PlanWriter, PlannedAccount, PlannedGroup, PlannedPolicy};
pub use preview::{GroupSource, Preview};
pub use progress::{Phase, Progress};
pub use report::Report;
pub use report_page::render_page;
pub use report_table::{TableError, write_table};
pub use tally::Tally;
