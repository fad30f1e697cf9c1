//! The recorder of one login's host calls.

use std::io;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decide::GuardWrapper;
use crate::guard::Guard;
use crate::model::{ApiError, HostCalls, Identity, LinkRequest, Metadata, User, truncate};

/// One host call, or several equal ones in a row. Users and identities are represented
/// by their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Call")]
pub struct RecordedCall {
    /// The function; `more calls` for the calls beyond the limits.
    pub call: String,
    /// The request. Texts longer than 1 KiB are cut.
    pub request: Value,
    /// The answer: `users`, `user`, `identities` or `error`. For `more calls`: `limit`, the
    /// reason why they are not kept.
    pub answer: Value,
    /// The number of equal calls in a row; 1 if absent.
    #[serde(default = "default_times", skip_serializing_if = "is_once")]
    pub times: u32,
}

fn default_times() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_once(times: &u32) -> bool {
    *times == 1
}

/// The most calls that are kept; equal ones in a row count as one.
const MAX_CALLS: usize = 100;

/// The most bytes of JSON that the kept calls take.
const MAX_BYTES: usize = 1 << 20;

/// The length to which a text of a request is cut, in bytes.
const TEXT: usize = 1 << 10;

/// A wrapper that records a guard's calls within limits. A plugin can call as often as
/// its fuel allows, even if every call is refused.
pub(super) struct Recorder {
    guard: Guard,
    calls: Vec<RecordedCall>,
    bytes: usize,
    /// The number of calls that are not kept.
    more: u32,
}

impl Recorder {
    pub(super) fn wrap(guard: Guard) -> Self {
        Self { guard, calls: Vec::new(), bytes: 0, more: 0 }
    }

    /// Returns the calls. If there were more than the limits, a last one gives their
    /// number.
    pub(super) fn finish(mut self) -> Vec<RecordedCall> {
        if self.more > 0 {
            let limit = format!("{MAX_CALLS} calls of a login are kept, and {} KiB of them", MAX_BYTES >> 10);
            self.calls.push(RecordedCall {
                call: "more calls".to_owned(),
                request: json!({}),
                answer: json!({ "limit": limit }),
                times: self.more,
            });
        }
        self.calls
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.more == 0 && self.bytes + bytes <= MAX_BYTES
    }

    /// Records a call, if there is room. After the first call that is not kept, no later
    /// one is, so that the record has no gaps.
    fn record(&mut self, call: &str, request: Option<Value>, answer: impl FnOnce() -> Value) {
        let Some(request) = request.filter(|_| self.more == 0) else {
            self.more = self.more.saturating_add(1);
            return;
        };
        let call = RecordedCall { call: call.to_owned(), request, answer: answer(), times: 1 };
        let is_equal = |last: &&mut RecordedCall| {
            last.call == call.call && last.request == call.request && last.answer == call.answer
        };
        if let Some(last) = self.calls.last_mut().filter(is_equal) {
            last.times = last.times.saturating_add(1);
            return;
        }
        let bytes = json_length(&call);
        if self.calls.len() < MAX_CALLS && self.has_room(bytes) {
            self.bytes += bytes;
            self.calls.push(call);
        } else {
            self.more = 1;
        }
    }
}

/// Returns the answer of a call as JSON.
fn describe_answer<T>(answer: &Result<T, ApiError>, describe: impl FnOnce(&T) -> Value) -> Value {
    match answer {
        Ok(answer) => describe(answer),
        Err(error) => json!({ "error": error }),
    }
}

/// Returns the length of a value as JSON, without allocating the JSON.
fn json_length(value: &impl Serialize) -> usize {
    struct Counter(usize);

    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut counter = Counter(0);
    // A value that cannot be written has no length.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// Returns a link request as JSON. Returns none if there is no room for its metadata,
/// which is then not copied.
fn describe_link_request(recorder: &Recorder, request: &LinkRequest) -> Option<Value> {
    let objects = [("user_metadata", &request.user_metadata), ("app_metadata", &request.app_metadata)];
    let bytes = objects.iter().map(|(_, object)| json_length(object)).sum();
    if !recorder.has_room(bytes) {
        return None;
    }
    let mut described = describe_sides(&request.primary, &request.secondary);
    for (name, object) in objects {
        if let Some(object) = object {
            described[name] = json!(object);
        }
    }
    Some(described)
}

fn describe_sides(primary: &str, secondary: &str) -> Value {
    json!({ "primary": truncate(primary, TEXT), "secondary": truncate(secondary, TEXT) })
}

impl GuardWrapper for Recorder {
    fn guard(&self) -> &Guard {
        &self.guard
    }
}

impl HostCalls for Recorder {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<Arc<User>>, ApiError> {
        let answer = self.guard.find_by_email(email);
        self.record("users.find-by-email", Some(json!({ "email": truncate(email, TEXT) })), || {
            describe_answer(
                &answer,
                |users| json!({ "users": users.iter().map(|user| &user.user_id).collect::<Vec<_>>() }),
            )
        });
        answer
    }

    fn ignores_case(&mut self) -> bool {
        self.guard.ignores_case()
    }

    fn get(&mut self, user_id: &str) -> Result<Arc<User>, ApiError> {
        let answer = self.guard.get(user_id);
        self.record("users.get", Some(json!({ "user_id": truncate(user_id, TEXT) })), || {
            describe_answer(&answer, |user| json!({ "user": user.user_id }))
        });
        answer
    }

    fn event_context(&mut self) -> Metadata {
        self.guard.event_context()
    }

    fn last_seen(&mut self, user_id: &str) -> Result<Arc<User>, ApiError> {
        self.guard.last_seen(user_id)
    }

    fn link(&mut self, request: LinkRequest) -> Result<Arc<User>, ApiError> {
        let described = describe_link_request(self, &request);
        let answer = self.guard.link(request);
        self.record("accounts.link", described, || {
            describe_answer(&answer, |primary| {
                let ids: Vec<_> = primary.identities.iter().map(Identity::as_user_id).collect();
                json!({ "identities": ids })
            })
        });
        answer
    }

    fn reject_link(&mut self, primary: &str, secondary: &str, why: String) -> ApiError {
        let answer = self.guard.reject_link(primary, secondary, why);
        self.record("accounts.link", Some(describe_sides(primary, secondary)), || json!({ "error": answer }));
        answer
    }
}
