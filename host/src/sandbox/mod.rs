//! Runs plugins: one fresh instance per login, with nothing in it but what
//! the contract and the WASI profile give. Knows no policy.

mod anatomy;
mod check;
mod compile;
mod compiler;
mod engine;
mod failure;
mod inspect;
mod offer;
mod output;
mod plugin;
mod state;
mod turnstile;
mod v0_1;
mod wasi;
mod work;

pub use anatomy::Needs;
pub use compile::read_component;
pub use compiler::{COMPILE_COMMAND, Cancel, Compiler, compile_for_parent};
pub use engine::{Allocator, Options, Sandbox, StartError};
pub use failure::{Failure, LoadError};
pub use inspect::{Direction, Inspection, Item};
pub use plugin::{Finished, Plugin, Question, Settings, SettingsError, SettingsWarning};
pub use state::{LogLevel, LogLine, PluginOutput, Used};
pub(crate) use turnstile::{Inside, Turnstile};
pub use wasi::Wasi;

/// The contract's version that this host offers.
pub const CONTRACT: &str = "ligature:login@0.1.0";
