//! Storage of users, their credentials and the journal.
//!
//! | file | contents |
//! |---|---|
//! | `arrival`, `event_merge` | the user of a login |
//! | `open`, `location`, `seal_key` | opening a directory |
//! | `find_users` | finding users by what a person knows of them |
//! | `dump` | dumping and restoring a whole directory |
//! | `auth0` | a tenant of Auth0 as a directory |
//! | `memory`, `sql`, `dry_run` | the storages |
//! | `transactions` | the implementation of the operations, once for every store |
//! | `operations` | the traits [`Directory`] and [`Administration`], which the other rooms use |
//! | `users`, `credentials`, `sign_up`, `assumed_connection`, `import`, `link`, `unlink`, `undo`, `undo_refusal`, `set_blocked` | the work within one transaction |
//! | `kept_decisions` | keeping decisions, and the conflicts that wait for a person |
//! | `backfill_runs`, `backfill_store` | the runs of a backfill, which processes share |
//! | `link_journal`, `repair` | changes that take several requests to a tenant |
//! | `content_version` | the version of a user by its content |
//! | `journal`, `entry_state`, `journal_query`, `journal_entries` | the entries that make links reversible, and queries for them |
//! | `decision`, `conflict`, `decision_query` | kept decisions, conflicts, and queries for them |
//! | `records`, `decision_records`, `run_records`, `store`, `tx_result` | what a storage must implement: single records, in transactions |
//!
//! Files use only files further down in this table, apart from plain types.

mod arrival;
mod assumed_connection;
#[cfg(feature = "auth0")]
mod auth0;
mod backfill_runs;
mod backfill_store;
mod conflict;
mod content_version;
mod counted_login;
mod credential;
mod credentials;
mod decision;
mod decision_query;
mod decision_records;
mod dry_run;
#[cfg(feature = "_sql")]
mod dump;
mod entry_state;
mod event_merge;
mod find_users;
mod group_links;
mod group_records;
mod import;
mod import_batch;
mod journal;
mod journal_entries;
mod journal_query;
#[cfg(feature = "_sql")]
mod journal_row;
mod kept_decisions;
mod link;
mod link_journal;
mod location;
mod memory;
mod metadata_update;
mod open;
mod open_error;
mod open_mode;
mod operations;
mod provenance;
mod records;
mod repair;
mod run_records;
mod seal_key;
mod set_blocked;
mod setup_fault;
mod sign_up;
#[cfg(feature = "_sql")]
mod sql;
mod state;
mod store;
mod stored;
mod transactions;
mod tx_result;
mod undo;
mod undo_refusal;
mod unlink;
mod users;

pub use arrival::{ArrivalError, arrive, arrive_existing, new_user};
pub(crate) use assumed_connection::connection_in_id;
#[cfg(feature = "auth0")]
pub use auth0::Auth0Directory;
pub use backfill_store::{
    BackfillRun, BackfillStore, ClaimedGroups, GroupClaim, GroupCount, GroupResult, RunGroup, RunGroupState,
};
pub use conflict::{CONFLICT_NOTE, Conflict, ConflictKey, ConflictQuery, Settled};
pub(crate) use content_version::compute_content_version;
pub use counted_login::{CountedLogin, IdentityUse};
pub use credential::Credential;
pub use decision::{DecisionCount, DecisionId, KeptBatch, KeptDecision, LeftOutPart};
pub use decision_query::DecisionQuery;
pub use dry_run::DryRun;
#[cfg(feature = "_sql")]
pub use dump::DumpRecord;
pub use entry_state::EntryState;
pub(crate) use event_merge::merge_known_user;
pub use find_users::find_users;
pub use group_links::{GroupLinker, GroupLinks};
pub use import_batch::{Batch, ImportRefusal, Imported, LEFT_OUT, UserWithPassword};
pub use journal::{
    Access, Entry, EntryId, EntryKind, MetadataChange, PrimaryChange, Snapshot, SnapshotSelection,
    SnapshotState, UndoneLink,
};
pub use journal_query::JournalQuery;
#[cfg(feature = "_sql")]
pub use journal_row::{JournalColumns, JournalRow};
pub use kept_decisions::KeptDecisions;
pub use link::{CheckedLink, PairReading, ReadPair};
pub use link_journal::LinkJournal;
pub use location::Location;
pub use memory::Memory;
pub use metadata_update::MetadataUpdate;
#[cfg(feature = "_sql")]
pub use open::open_database;
pub use open::{OpenOptions, open};
pub use open_error::OpenError;
pub use open_mode::OpenMode;
pub use operations::{Administration, Directory};
pub use provenance::{Actor, Evidence, PluginVersion, Provenance};
pub use repair::{Repair, RepairOutcome};
pub use seal_key::{KeyError, SealKey};
pub use set_blocked::SetBlocked;
pub use setup_fault::SetupFault;
#[cfg(feature = "_sql")]
pub use sql::SqlDirectory;
pub use state::{DirectoryState, PoolState};
pub use stored::Stored;
pub use undo::{Undo, UndoError, Undoing};
pub use undo_refusal::{UndoRefusal, UndoRefusalKind};
pub use unlink::Unlink;
