//! The reasons why a plugin does not load or gives no outcome, in words.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::contract::CONTRACT;
use super::deadline::DeadlinePassed;
use super::host_fuel::HostFuelSpent;
use super::resources::BeyondLimit;
use crate::limits::Limits;
use crate::model::ApiError;

/// The reason why a plugin does not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum LoadError {
    /// The file is empty.
    #[error("is empty; expected a WebAssembly component")]
    Empty,
    /// The file is not WebAssembly.
    #[error("is not WebAssembly; expected a component, which begins with the bytes `\\0asm`")]
    NotWasm,
    /// The file is a core module instead of a component.
    #[error(
        "is a core WebAssembly module; expected a component (build it for the target wasm32-wasip2, \
         or make one of it with `ligature component FILE --output COMPONENT`)"
    )]
    CoreModule,
    /// The file is damaged.
    #[error("is damaged or cut off: {0}")]
    Damaged(String),
    /// The file is larger than allowed.
    #[error("is larger than {limit} bytes (the limit is `component_bytes`)")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The file is valid WebAssembly that uses unsupported proposals.
    #[error("uses {proposals} of WebAssembly, which this host does not support: {message}")]
    Unsupported {
        /// The proposals.
        proposals: String,
        /// The place, and the instruction or type.
        message: String,
    },
    /// The file exceeds a limit of the parser.
    #[error("goes beyond a limit of this host's WebAssembly parser: {0}")]
    BeyondParser(String),
    /// The file is valid WebAssembly that this host's compiler refuses.
    #[error("cannot be compiled by this host: {0}")]
    NotCompiled(String),
    /// One instance takes more of a resource than a login may.
    #[error("takes at least {wanted} {what}; a login may take {limit} (the limit is `{key}`)")]
    BeyondLimit {
        /// The resource.
        what: String,
        /// The amount that the plugin declares.
        wanted: u64,
        /// The most that is allowed.
        limit: u64,
        /// The limit's key.
        key: String,
    },
    /// Compiling takes too long.
    #[error("takes longer than {limit_ms} ms to compile (the limit is `compile_ms`)")]
    CompilesTooLong {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// Compiling takes too much memory.
    #[error("takes more than {limit} bytes of memory to compile (the limit is `compile_memory_bytes`)")]
    CompilesTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The process that compiles plugins does not work.
    #[error("could not be compiled: {0}")]
    NoCompiler(String),
    /// The file was replaced while it was compiled.
    #[error("was replaced while it was compiled")]
    Superseded,
    /// The plugin is made for another version of the contract.
    #[error("is made for {found}; this host offers {CONTRACT}")]
    OtherVersion {
        /// The version that the plugin is made for.
        found: String,
    },
    /// The plugin imports something that the host does not offer.
    #[error("imports `{name}`, which this host does not offer; {offered}")]
    NotOffered {
        /// The import.
        name: String,
        /// The imports that are offered, in words.
        offered: String,
    },
    /// The plugin does not export the interface that answers logins.
    #[error("does not export `ligature:login/handler@0.1.0`, so it cannot answer a login")]
    NoHandler,
    /// An interface has the right name and different types.
    #[error("does not fit {CONTRACT}: {0}")]
    Mismatch(String),
}

/// The reason why a plugin gives no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The plugin panicked, with this message.
    #[error("panicked: {0}")]
    Panicked(String),
    /// The plugin used up its fuel.
    #[error("ran out of fuel: it may use {limit} (the limit is `fuel`)")]
    OutOfFuel {
        /// The limit.
        limit: u64,
    },
    /// The plugin wanted too much memory.
    #[error("ran out of memory: it may use {limit} bytes (the limit is `memory_bytes`)")]
    OutOfMemory {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The plugin wanted too much of another resource.
    #[error("wanted more than {limit} {what} (the limit is `{key}`)")]
    BeyondLimit {
        /// The resource.
        what: &'static str,
        /// The most that is allowed.
        limit: usize,
        /// The limit's key.
        key: &'static str,
    },
    /// The plugin's calls were nested too deeply.
    #[error("ran out of stack: its calls are nested too deeply (the limit is `stack_bytes`)")]
    OutOfStack,
    /// The plugin passed too much data to the host in one call.
    #[error("handed over more than {limit} bytes in one call (the limit is `lifted_bytes`)")]
    TooMuchData {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The login's deadline passed.
    #[error("did not answer within {} ms; the time was up in {during} (the limit is `deadline_ms`)", limit.as_millis())]
    Deadline {
        /// The limit.
        limit: Duration,
        /// The host call during which the deadline was found to have passed.
        during: &'static str,
    },
    /// The plugin exited, with this status.
    #[error("exited instead of answering (status {0})")]
    Exited(i32),
    /// The plugin trapped for another reason.
    #[error("trapped: {0}")]
    Trapped(String),
    /// The plugin's answer breaks the contract.
    #[error("gave an invalid answer: {0}")]
    InvalidAnswer(String),
    /// The plugin returned an error.
    #[error("gave up: {0}")]
    GaveUp(ApiError),
}

impl Failure {
    /// Translates an error of wasmtime. `stderr` is the plugin's standard error, which
    /// holds the message of a panic.
    pub(super) fn from_wasmtime(error: &wasmtime::Error, stderr: &str, limits: &Limits) -> Self {
        if let Some(passed) = error.downcast_ref::<DeadlinePassed>() {
            return Self::Deadline { limit: passed.limit, during: passed.during };
        }
        if error.downcast_ref::<HostFuelSpent>().is_some() {
            return Self::OutOfFuel { limit: limits.fuel };
        }
        if let Some(&BeyondLimit { what, limit, key }) = error.downcast_ref::<BeyondLimit>() {
            return match key {
                "memory_bytes" => Self::OutOfMemory { limit },
                _ => Self::BeyondLimit { what, limit, key },
            };
        }
        if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
            return Self::Exited(*status);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Self::OutOfFuel { limit: limits.fuel },
            Some(Trap::StackOverflow) => Self::OutOfStack,
            Some(Trap::MemoryOutOfBounds) => Self::Trapped(
                "it accessed memory out of bounds; calls that are nested too deeply also end like this"
                    .to_owned(),
            ),
            Some(trap) => match panic_message(stderr) {
                Some(message) => Self::Panicked(message),
                None => Self::Trapped(trap.to_string().trim_start_matches("wasm trap: ").to_owned()),
            },
            None => Self::from_text(format!("{error:#}"), limits),
        }
    }

    /// Translates an error that wasmtime distinguishes by its text only.
    fn from_text(text: String, limits: &Limits) -> Self {
        let beyond = |what, limit, key| Self::BeyondLimit { what, limit, key };
        if text.contains("fuel allocated for hostcalls") {
            Self::TooMuchData { limit: limits.lifted_bytes }
        } else if text.contains("instance count too high") {
            beyond("core instances", limits.instances, "instances")
        } else if text.contains("memory count too high") {
            beyond("memories", limits.memories, "memories")
        } else if text.contains("table count too high") {
            beyond("tables", limits.tables, "tables")
        } else if text.contains("no free keys") || text.contains("handle limit exceeded") {
            beyond("handles", limits.handles, "handles")
        } else {
            Self::Trapped(text)
        }
    }
}

/// Finds the message of a panic in the plugin's standard error. In Rust it is the
/// message and its place, on one line: `boom, at src/lib.rs:3:5`. In other languages
/// it is the last line.
fn panic_message(stderr: &str) -> Option<String> {
    let stderr = stderr.trim();
    if let Some(exception) = python_exception(stderr) {
        return Some(exception);
    }
    if let Some(panic) = find_rust_panic(stderr) {
        let (place, message) = panic.split_once('\n').unwrap_or((panic, ""));
        let message = message.split("\nnote: run with `RUST_BACKTRACE").next().unwrap_or_default().trim();
        return Some(format!("{message}, at {}", place.trim_end_matches(':')));
    }
    // The last line of StarlingMonkey is about StarlingMonkey itself.
    let mut lines = stderr.lines().filter(|line| !line.contains("mozalloc_abort"));
    lines.next_back().map(str::to_owned)
}

/// Finds the text after the place where Rust's message of a panic begins: a line such as
/// `thread 'main' (1) panicked at src/lib.rs:3:5:`.
fn find_rust_panic(stderr: &str) -> Option<&str> {
    let mut rest = stderr;
    while let Some(at) = rest.find("thread '") {
        let is_line = at == 0 || rest.as_bytes()[at - 1] == b'\n';
        let line = rest[at..].lines().next().unwrap_or_default();
        if let Some((before, _)) = line.split_once(" panicked at ").filter(|_| is_line) {
            return Some(&rest[at + before.len() + " panicked at ".len()..]);
        }
        rest = &rest[at + "thread '".len()..];
    }
    None
}

/// Finds the exception of a Python traceback, with the last place that the traceback
/// names: `KeyError: 'x', at policy.py, line 7`. It is preferred to the panic of the
/// Python runtime, which follows it.
fn python_exception(stderr: &str) -> Option<String> {
    let (_, traceback) = stderr.split_once("Traceback (most recent call last):\n")?;
    let mut place = None;
    for line in traceback.lines() {
        match line.strip_prefix("  File \"").and_then(|rest| rest.split_once("\", line ")) {
            Some((file, rest)) => {
                let name = file.rsplit('/').next().unwrap_or(file);
                let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
                place = Some(format!("{name}, line {number}"));
            }
            None if line.starts_with(' ') || line.is_empty() => {}
            None => {
                return Some(match place {
                    Some(place) => format!("{line}, at {place}"),
                    None => line.to_owned(),
                });
            }
        }
    }
    None
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
    fn a_printed_line_about_panics_is_no_panic() {
        let stderr = "it panicked at nine\nthread 'main' runs\n\nthread '<unnamed>' (1) panicked at src/lib.rs:3:5:\nboom\n";
        assert_eq!(panic_message(stderr).as_deref(), Some("boom, at src/lib.rs:3:5"));
    }

    #[test]
    fn the_last_line_is_the_message_in_other_languages() {
        assert_eq!(panic_message("Traceback\nValueError: no\n").as_deref(), Some("ValueError: no"));
        assert_eq!(panic_message("  \n"), None);
        let starling = "TypeError: no\nRedirecting call to abort() to mozalloc_abort\n";
        assert_eq!(panic_message(starling).as_deref(), Some("TypeError: no"));
    }

    #[test]
    fn a_python_exception_is_reported_instead_of_the_runtimes_panic() {
        let stderr = "Traceback (most recent call last):\n  File \"/0/policy.py\", line 7, in on_login\n    x\n\
                      KeyError: 'x'\n\nthread '<unnamed>' panicked at runtime/src/lib.rs:1:2:\nPython function\n";
        assert_eq!(panic_message(stderr).as_deref(), Some("KeyError: 'x', at policy.py, line 7"));
    }
}
