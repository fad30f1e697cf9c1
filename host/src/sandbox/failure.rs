//! The reasons why a plugin does not load, or gives no decision, in words.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::CONTRACT;
use super::state::{BeyondLimit, Passed};
use super::work::SpentOnHost;
use crate::limits::Limits;
use crate::model::ApiError;

/// The reason why a plugin does not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
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
    /// The file is larger than allowed.
    #[error("is larger than {limit} bytes (the limit is `component_bytes`)")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The file is good WebAssembly, and uses proposals that are not supported.
    #[error("uses {proposals} of WebAssembly, which this host does not support: {message}")]
    Unsupported {
        /// The proposals.
        proposals: String,
        /// Where, and which instruction or type.
        message: String,
    },
    /// The file goes beyond a limit of the parser.
    #[error("goes beyond a limit of this host's WebAssembly parser: {0}")]
    BeyondParser(String),
    /// The file is good WebAssembly that this host's compiler refuses.
    #[error("cannot be compiled by this host: {0}")]
    NotCompiled(String),
    /// One instance takes more than a login may.
    #[error("takes {wanted} {what} at the least; a login may take {limit} (the limit is `{key}`)")]
    BeyondLimit {
        /// The resource.
        what: String,
        /// How much of it the plugin declares.
        wanted: u64,
        /// How much of it there may be.
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

/// The reason why a plugin gives no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It panicked; its message.
    #[error("panicked: {0}")]
    Panicked(String),
    /// It computed for too long.
    #[error("ran out of fuel: it may use {limit} (the limit is `fuel`)")]
    OutOfFuel {
        /// The limit.
        limit: u64,
    },
    /// It wanted too much memory.
    #[error("ran out of memory: it may use {limit} bytes (the limit is `memory_bytes`)")]
    OutOfMemory {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It wanted more than it may have of something else.
    #[error("wanted more than {limit} {what} (the limit is `{key}`)")]
    BeyondLimit {
        /// The resource.
        what: &'static str,
        /// How much of it there may be.
        limit: usize,
        /// The limit's key.
        key: &'static str,
    },
    /// Its calls nested too deeply.
    #[error("ran out of stack: its calls are nested too deeply (the limit is `stack_bytes`)")]
    OutOfStack,
    /// It handed the host too much data in one call.
    #[error("handed over more than {limit} bytes in one call (the limit is `lifted_bytes`)")]
    TooMuchData {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The login's time was up.
    #[error("did not answer within {} ms; the time was up in {during} (the limit is `deadline_ms`)", limit.as_millis())]
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

impl Failure {
    /// What an error of wasmtime's means; `stderr` is what the plugin wrote.
    pub(super) fn of(error: &wasmtime::Error, stderr: &str, limits: &Limits) -> Self {
        if let Some(passed) = error.downcast_ref::<Passed>() {
            return Self::Deadline { limit: passed.limit, during: passed.during };
        }
        if error.downcast_ref::<SpentOnHost>().is_some() {
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
                "it touched memory that it does not have, which is also how calls nested too deeply end"
                    .to_owned(),
            ),
            Some(trap) => match panic_message(stderr) {
                Some(message) => Self::Panicked(message),
                None => Self::Trapped(trap.to_string().trim_start_matches("wasm trap: ").to_owned()),
            },
            None => Self::of_text(format!("{error:#}"), limits),
        }
    }

    /// Errors for which wasmtime has a text and no type.
    fn of_text(text: String, limits: &Limits) -> Self {
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

/// Rust's panic message and place, on one line: `boom, at src/lib.rs:3:5`.
/// Another language's last words otherwise.
fn panic_message(stderr: &str) -> Option<String> {
    let stderr = stderr.trim();
    if let Some(exception) = python_exception(stderr) {
        return Some(exception);
    }
    if let Some((_, panic)) = stderr.split_once("panicked at ") {
        let (place, message) = panic.split_once('\n').unwrap_or((panic, ""));
        let message = message.split("\nnote: run with `RUST_BACKTRACE").next().unwrap_or_default().trim();
        return Some(format!("{message}, at {}", place.trim_end_matches(':')));
    }
    // StarlingMonkey's last words are about itself.
    let mut lines = stderr.lines().filter(|line| !line.contains("mozalloc_abort"));
    lines.next_back().map(str::to_owned)
}

/// The exception of a Python traceback, with the place that it names last:
/// `KeyError: 'x', at policy.py, line 7`. The panic behind it is the runtime's.
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
    fn other_languages_have_last_words_too() {
        assert_eq!(panic_message("Traceback\nValueError: no\n").as_deref(), Some("ValueError: no"));
        assert_eq!(panic_message("  \n"), None);
        let starling = "TypeError: no\nRedirecting call to abort() to mozalloc_abort\n";
        assert_eq!(panic_message(starling).as_deref(), Some("TypeError: no"));
    }

    #[test]
    fn a_python_exception_is_told_instead_of_the_runtimes_panic() {
        let stderr = "Traceback (most recent call last):\n  File \"/0/policy.py\", line 7, in on_login\n    x\n\
                      KeyError: 'x'\n\nthread '<unnamed>' panicked at runtime/src/lib.rs:1:2:\nPython function\n";
        assert_eq!(panic_message(stderr).as_deref(), Some("KeyError: 'x', at policy.py, line 7"));
    }
}
