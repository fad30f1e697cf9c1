//! The parts of an HTTP service that decides logins, whichever requests it answers.
//!
//! | file | contents |
//! |---|---|
//! | `listener` | accepting connections, and closing those whose headers are slow |
//! | `blocking` | running work on tokio's blocking pool |
//! | `termination`, `early_end` | termination signals |
//! | `readiness` | whether the directory answers |
//! | `repairs` | repairing interrupted changes of a tenant |
//! | `reload` | watching the files of plugins and policies |
//! | `decider` | the policies in force, and their replacement |
//! | `decision_log` | the log lines of a decision |
//! | `decision_recorder` | keeping decisions in the directory, by a thread of its own |
//! | `provider_names` | the names of identity providers for people |
//! | `public_url` | the URL of a service as browsers see it |
//! | `page` | the styles, filters and headers of pages |
//! | `page_script` | the scripts of pages, and their addresses |
//! | `forms` | the tokens of forms, and the check of their origin |
//! | `sealing` | texts that others carry and cannot read |
//! | `metrics` | counts of decisions and of the directory's errors |

pub(crate) mod blocking;
pub(crate) mod decider;
mod decision_keeping;
pub(crate) mod decision_log;
pub(crate) mod decision_recorder;
mod decision_writer;
mod early_end;
pub(crate) mod forms;
pub(crate) mod listener;
pub(crate) mod metrics;
pub(crate) mod page;
#[cfg(any(feature = "hook", feature = "tenant"))]
pub(crate) mod page_script;
pub(crate) mod provider_names;
#[cfg(feature = "hook")]
pub(crate) mod public_url;
pub(crate) mod readiness;
pub(crate) mod reload;
pub(crate) mod repairs;
#[cfg(any(feature = "hook", feature = "tenant"))]
pub(crate) mod sealing;
pub(crate) mod termination;

pub use decider::Decider;
pub use decision_keeping::{DecisionKeeping, DecisionRetention};
pub use decision_recorder::DecisionRecorder;
pub use early_end::EarlyEnd;
pub use metrics::MissingLines;
