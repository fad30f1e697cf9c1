//! Runs plugins: one fresh instance per login, with access to nothing but the
//! contract's functions and the WASI profile. Knows no policy.
//!
//! | files | contents |
//! |---|---|
//! | `options`, `code_config`, `engine`, `engines`, `semaphore` | the engines, and how many logins run at once |
//! | `structure`, `needs`, `offer`, `compile`, `compile_child`, `kept_code`, `trusted`, `load`, `loaded_code`, `inspect` | from a file to a plugin, or to the reason why it does not load |
//! | `plugin`, `input`, `settings` | a loaded plugin, and what it is called with |
//! | `snapshot`, `post_return` | a plugin that has read its policy document before its logins |
//! | `v0_1`, `contract`, `wasi`, `profile` | the functions that a plugin can call |
//! | `state`, `deadline`, `resources`, `host_fuel`, `output`, `plugin_log` | the host's state for one login, within its limits |
//! | `answer_limits`, `messages`, `failure` | the check of what a plugin returns, and failures in words |

mod answer_limits;
mod code_config;
mod compile;
mod compile_child;
mod contract;
mod deadline;
mod engine;
mod engines;
mod failure;
mod host_fuel;
mod input;
mod inspect;
mod kept_code;
mod load;
mod loaded_code;
mod messages;
mod needs;
mod offer;
mod options;
mod output;
mod plugin;
mod plugin_log;
mod post_return;
mod profile;
mod resources;
mod semaphore;
mod settings;
mod snapshot;
mod state;
mod structure;
mod trusted;
mod v0_1;
mod wasi;

pub use compile::{ComponentBytes, read_component};
pub use compile_child::{COMPILE_COMMAND, Cancel, compile_for_parent};
pub use contract::CONTRACT;
pub use engine::Sandbox;
pub use engines::StartError;
pub use failure::{Failure, LoadError};
pub use input::PluginInput;
pub use inspect::{Direction, Inspection, Item};
pub use needs::Needs;
pub use options::{Allocator, Compiler, Options};
pub use output::PluginOutput;
pub use plugin::{Plugin, PluginRun, ResourceUsage};
pub use plugin_log::{LogLevel, LogLine};
pub use profile::Wasi;
pub(crate) use semaphore::{Permit, Semaphore};
pub use settings::{Settings, SettingsError, SettingsWarning};
pub use snapshot::SnapshotError;
pub use trusted::TrustedComponent;
