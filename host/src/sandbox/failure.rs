//! Why a plugin did not load, or gave no decision, in words.

use std::time::Duration;

use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::CONTRACT;
use super::state::{OutOfMemory, Passed};
use crate::login::ApiError;

/// Why a plugin did not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file has nothing in it.
    #[error("is empty; expected a WebAssembly component")]
    Empty,
    /// The file is something else.
    #[error("is not WebAssembly; expected a component, which begins with the bytes `\\0asm`")]
    NotWasm,
    /// The file is a core module.
    #[error(
        "is a core WebAssembly module; expected a component (build it for the target wasm32-wasip2, \
         or wrap it with `wasm-tools component new`)"
    )]
    CoreModule,
    /// The file is broken.
    #[error("is damaged or cut off: {0}")]
    Damaged(String),
    /// The plugin is made for another version of the contract.
    #[error("is made for {found}; this host offers {CONTRACT}")]
    OtherVersion {
        /// The contract's version that the plugin wants.
        found: String,
    },
    /// The plugin wants something that the host does not offer.
    #[error("wants `{name}`, which is not offered; {offered}")]
    NotOffered {
        /// The import.
        name: String,
        /// What is offered instead.
        offered: String,
    },
    /// The plugin does not answer logins.
    #[error("does not export `ligature:login/handler@0.1.0`, so it cannot answer a login")]
    NoHandler,
    /// An interface has the right name and another shape.
    #[error("does not fit {CONTRACT}: {0}")]
    Mismatch(String),
}

/// Why a plugin gave no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It panicked; its message.
    #[error("panicked: {0}")]
    Panicked(String),
    /// It computed for too long.
    #[error("ran out of fuel: it may use {limit} (the setting is `fuel`)")]
    OutOfFuel {
        /// The limit.
        limit: u64,
    },
    /// It wanted too much memory.
    #[error("ran out of memory: it may use {limit} bytes (the setting is `memory`)")]
    OutOfMemory {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Its calls nested too deeply.
    #[error("ran out of stack: its calls are nested too deeply")]
    OutOfStack,
    /// It handed the host too much data in one call.
    #[error("handed over more than {limit} bytes in one call")]
    TooMuchData {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The login's time was up.
    #[error("did not answer within {} ms; the time was up in {during}", limit.as_millis())]
    Deadline {
        /// The limit.
        limit: Duration,
        /// The host call in which that was noticed.
        during: &'static str,
    },
    /// It ended its own instance.
    #[error("exited instead of answering (status {0})")]
    Exited(i32),
    /// It trapped in some other way.
    #[error("trapped: {0}")]
    Trapped(String),
    /// Its answer breaks the contract.
    #[error("gave an invalid answer: {0}")]
    InvalidAnswer(String),
    /// It said itself that no decision was possible.
    #[error("gave up: {0}")]
    GaveUp(ApiError),
}

/// The limits that a failure names.
pub(super) struct InForce {
    pub(super) fuel: u64,
    pub(super) memory_bytes: usize,
    pub(super) lifted_bytes: usize,
}

impl Failure {
    /// What an error of wasmtime's means; `stderr` is what the plugin wrote.
    pub(super) fn of(error: &wasmtime::Error, stderr: &str, limits: &InForce) -> Self {
        if let Some(passed) = error.downcast_ref::<Passed>() {
            return Self::Deadline { limit: passed.limit, during: passed.during };
        }
        if error.downcast_ref::<OutOfMemory>().is_some() {
            return Self::OutOfMemory { limit: limits.memory_bytes };
        }
        if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
            return Self::Exited(*status);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Self::OutOfFuel { limit: limits.fuel },
            Some(Trap::StackOverflow) => Self::OutOfStack,
            Some(Trap::MemoryOutOfBounds) => Self::Trapped(
                "it touched memory that it does not have, which is also how calls nested too deeply end"
                    .to_owned(),
            ),
            Some(trap) => match panic_message(stderr) {
                Some(message) => Self::Panicked(message),
                None => Self::Trapped(trap.to_string().trim_start_matches("wasm trap: ").to_owned()),
            },
            // wasmtime has no type for this one.
            None if format!("{error:#}").contains("fuel allocated for hostcalls") => {
                Self::TooMuchData { limit: limits.lifted_bytes }
            }
            None => Self::Trapped(format!("{error:#}")),
        }
    }
}

/// Rust's panic message and place, on one line: `boom, at src/lib.rs:3:5`.
/// Another language's last words otherwise.
fn panic_message(stderr: &str) -> Option<String> {
    let stderr = stderr.trim();
    if let Some((_, panic)) = stderr.split_once("panicked at ") {
        let (place, message) = panic.split_once('\n').unwrap_or((panic, ""));
        let message = message.split("\nnote: run with `RUST_BACKTRACE").next().unwrap_or_default().trim();
        return Some(format!("{message}, at {}", place.trim_end_matches(':')));
    }
    stderr.lines().last().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::panic_message;

    #[test]
    fn a_panic_is_one_line() {
        let stderr = "\nthread '<unnamed>' (1) panicked at src/lib.rs:3:5:\nboom\nnote: run with `RUST_BACKTRACE=1` …\n";
        assert_eq!(panic_message(stderr).as_deref(), Some("boom, at src/lib.rs:3:5"));
    }

    #[test]
    fn other_languages_have_last_words_too() {
        assert_eq!(panic_message("Traceback\nValueError: no\n").as_deref(), Some("ValueError: no"));
        assert_eq!(panic_message("  \n"), None);
    }
}
