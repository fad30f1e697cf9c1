//! Case files: reading them, running them, printing the result, and comparing it
//! with snapshots.

mod bench;
mod bench_login;
mod bench_memory;
mod bench_scaling;
mod case;
mod changes;
mod faulty_directory;
mod hints;
mod page;
mod recorder;
mod report;
mod run;
mod snapshot;

pub use bench::{Bench, bench_case};
pub use bench_login::{BenchError, BenchLoad};
pub use bench_scaling::Scaling;
pub use case::{Case, NamedPolicy, case_schema, read_event};
pub use changes::Change;
pub use faulty_directory::{DirectoryFault, FaultyDirectory};
pub use page::{format_explanation, format_outcome, format_page, group_thousands};
pub use recorder::RecordedCall;
pub use report::{Cost, Hint, PluginInfo, PolicySummary, Report};
pub use run::{DirectoryRun, record_case, run_case, run_case_by_policies, run_case_in_directory};
pub use snapshot::{CaseSnapshot, Comparison, snapshot_path};
