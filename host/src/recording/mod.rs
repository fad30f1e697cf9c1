//! Recordings: a login as a case file, with every answer that its directory gave, so that it
//! can be decided again without the directory.
//!
//! | file | contents |
//! |---|---|
//! | `login_recorder` | recording every Nth login of a service |
//! | `replay` | deciding a recorded login again, and comparing |
//! | `reconsider` | deciding a recorded login by another policy |
//! | `describe` | decisions in one line |
//! | `folder`, `folder_error` | the folder of the recordings of a service, bounded |
//! | `recorded_login` | deciding a login and recording it |
//! | `recording_directory`, `replay_directory`, `known_directory` | the directories of a recording, of a replay and of another policy |
//! | `check_marks`, `redaction`, `masking` | the parts of a login that are left out or masked |
//! | `recording`, `exchange`, `file` | the content of a recording, and its form in a file |

mod check_marks;
mod describe;
mod exchange;
mod file;
mod folder;
mod folder_error;
mod known_directory;
mod login_recorder;
mod masking;
mod queue_memory;
mod reconsider;
mod recorded_login;
#[allow(clippy::module_inception, reason = "the type that the room is about")]
mod recording;
mod recording_directory;
mod redaction;
mod replay;
mod replay_directory;

pub use exchange::{DirectoryCall, ExchangedCall, RecordedAnswer, UserAt};
pub use file::RecordingFile;
pub use folder::{FolderLimits, check_folder};
pub use folder_error::FolderError;
pub use login_recorder::{LoginRecorder, RecorderOptions};
pub use reconsider::{Reconsidered, reconsider};
pub use recorded_login::{RecordedLogin, UnwritableRecording, decide_and_record};
pub use recording::{DecidedLogin, DecidedPolicy, FinalState, RecordedPolicy, Recording};
pub use redaction::Redaction;
pub use replay::{Difference, Replay, replay};
