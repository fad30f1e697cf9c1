//! Case files: reading, running, printing and holding them against snapshots.

mod bench;
mod case;
mod changes;
mod faults;
mod hints;
mod page;
mod recorder;
mod report;
mod run;
mod snapshot;

pub use bench::{Bench, BenchError, bench};
pub use case::{Case, NamedPolicy, case_schema, read_event};
pub use changes::Change;
pub use faults::{Fault, Faulty};
pub use hints::Hint;
pub use page::{page, thousands};
pub use recorder::Call;
pub use report::{Cost, PluginInfo, PolicyVerdict, Report};
pub use run::{LoggedIn, run, run_in_order, run_on};
pub use snapshot::{Snapshot, Verdict, snapshot_path};
