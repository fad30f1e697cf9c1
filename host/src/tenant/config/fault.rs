//! Injected faults: answers that a test author wants instead of the tenant's own.

use serde::{Deserialize, Serialize};

/// The longest delay, in milliseconds. It is as long as a request may take.
const LONGEST_DELAY_MS: u32 = 30_000;
/// The most requests that one fault answers.
const MOST_TIMES: u32 = 1_000_000;
/// The most seconds that a fault asks a client to wait.
const LONGEST_WAIT_S: u32 = 86_400;

/// A fault of one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InjectedFault {
    /// The HTTP method, in capitals.
    pub method: String,
    /// The route, with the names of its parameters, such as `/api/v2/users/{id}`.
    pub path: String,
    /// The status of the answer, from 400 to 599. Without a status, the request is answered as
    /// usual, after the delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The delay before the answer, in milliseconds.
    #[serde(default)]
    pub delay_ms: u32,
    /// The number of requests that the fault answers.
    #[serde(default = "once")]
    pub times: u32,
    /// Whether the request has its effect, and only its answer is lost.
    #[serde(default)]
    pub after_effect: bool,
    /// The number of seconds that the answer asks the client to wait (`Retry-After`).
    #[serde(default)]
    pub retry_after_s: u32,
}

fn once() -> u32 {
    1
}

impl InjectedFault {
    /// Checks the values of a fault, all but its route.
    pub(in crate::tenant) fn check(&self) -> Result<(), String> {
        let Self { method, path, status, delay_ms, times, after_effect, retry_after_s } = self;
        if !matches!(method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE") {
            return Err(format!("method: `{method}` is not one of GET, POST, PUT, PATCH and DELETE"));
        }
        if path.starts_with("/dev/") {
            return Err(format!("path: `{path}` removes faults or serves tests, and has none"));
        }
        if status.is_some_and(|status| !(400..=599).contains(&status)) {
            return Err("status: a fault has a status from 400 to 599".to_owned());
        }
        if status.is_none() && (*delay_ms == 0 || *after_effect || *retry_after_s != 0) {
            return Err(
                "a fault needs a status; one without a status has a delay_ms and nothing else".to_owned()
            );
        }
        if *delay_ms > LONGEST_DELAY_MS {
            return Err(format!("delay_ms: a delay has at most {LONGEST_DELAY_MS} ms"));
        }
        if !(1..=MOST_TIMES).contains(times) {
            return Err(format!("times: a fault comes between once and {MOST_TIMES} times"));
        }
        if *retry_after_s > LONGEST_WAIT_S {
            return Err(format!("retry_after_s: a client waits at most {LONGEST_WAIT_S} seconds"));
        }
        Ok(())
    }
}
