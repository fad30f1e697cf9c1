//! Writes down the host calls of one login.

use std::io;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decide::AroundGuard;
use crate::guard::Guard;
use crate::model::{ApiError, Identity, LinkRequest, ManagementApi, Metadata, User, cut};

/// One host call, or several in a row that are alike. Users and identities are
/// told by their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    /// The function; `more calls` for those beyond the limits.
    pub call: String,
    /// The request. Texts of more than 1 KiB are cut.
    pub request: Value,
    /// The answer: `users`, `user`, `identities` or `error`. For `more
    /// calls`: `limit`, why they are not kept.
    pub answer: Value,
    /// How often in a row; 1 if it is left out.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_once(times: &u32) -> bool {
    *times == 1
}

/// Calls that are kept, those that are alike counted as one.
const CALLS: usize = 100;

/// The calls that are kept, in bytes of JSON.
const BYTES: usize = 1 << 20;

/// One text of a request, in bytes.
const TEXT: usize = 1 << 10;

/// Stands around the guard and writes down what passes, within limits: a
/// plugin can call as often as its fuel allows, also once everything is
/// refused.
pub(super) struct Recorder {
    guard: Guard,
    calls: Vec<Call>,
    bytes: usize,
    /// Calls that are not kept.
    more: u32,
}

impl Recorder {
    pub(super) fn around(guard: Guard) -> Self {
        Self { guard, calls: Vec::new(), bytes: 0, more: 0 }
    }

    /// The calls, and one that tells how many there were beyond the limits.
    pub(super) fn finish(mut self) -> Vec<Call> {
        if self.more > 0 {
            let limit = format!("{CALLS} calls of a login are kept, and {} KiB of them", BYTES >> 10);
            self.calls.push(Call {
                call: "more calls".to_owned(),
                request: json!({}),
                answer: json!({ "limit": limit }),
                times: self.more,
            });
        }
        self.calls
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.more == 0 && self.bytes + bytes <= BYTES
    }

    /// Once one call has not been kept, none is: the record has no gaps.
    fn note<T>(
        &mut self,
        call: &str,
        request: Option<Value>,
        answer: &Result<T, ApiError>,
        told: impl Fn(&T) -> Value,
    ) {
        let Some(request) = request.filter(|_| self.more == 0) else {
            self.more = self.more.saturating_add(1);
            return;
        };
        let answer = match answer {
            Ok(answer) => told(answer),
            Err(error) => json!({ "error": error }),
        };
        let call = Call { call: call.to_owned(), request, answer, times: 1 };
        let alike = |last: &&mut Call| {
            last.call == call.call && last.request == call.request && last.answer == call.answer
        };
        if let Some(last) = self.calls.last_mut().filter(alike) {
            last.times = last.times.saturating_add(1);
            return;
        }
        let bytes = json_bytes(&call);
        if self.calls.len() < CALLS && self.has_room(bytes) {
            self.bytes += bytes;
            self.calls.push(call);
        } else {
            self.more = 1;
        }
    }
}

/// The length of something as JSON, which is not made for it.
fn json_bytes(value: &impl Serialize) -> usize {
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
    // What cannot be written takes no room.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// A request's metadata is copied only where there is room for it.
fn link_asked(recorder: &Recorder, request: &LinkRequest) -> Option<Value> {
    let objects = [("user_metadata", &request.user_metadata), ("app_metadata", &request.app_metadata)];
    let bytes = objects.iter().map(|(_, object)| json_bytes(object)).sum();
    if !recorder.has_room(bytes) {
        return None;
    }
    let mut asked = sides(&request.primary, &request.secondary);
    for (name, object) in objects {
        if let Some(object) = object {
            asked[name] = json!(object);
        }
    }
    Some(asked)
}

fn sides(primary: &str, secondary: &str) -> Value {
    json!({ "primary": cut(primary, TEXT), "secondary": cut(secondary, TEXT) })
}

impl AroundGuard for Recorder {
    fn guard(&self) -> &Guard {
        &self.guard
    }
}

impl ManagementApi for Recorder {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<Arc<User>>, ApiError> {
        let answer = self.guard.find_by_email(email);
        self.note(
            "users.find-by-email",
            Some(json!({ "email": cut(email, TEXT) })),
            &answer,
            |users| json!({ "users": users.iter().map(|user| &user.user_id).collect::<Vec<_>>() }),
        );
        answer
    }

    fn ignores_case(&mut self) -> bool {
        self.guard.ignores_case()
    }

    fn get(&mut self, user_id: &str) -> Result<Arc<User>, ApiError> {
        let answer = self.guard.get(user_id);
        self.note(
            "users.get",
            Some(json!({ "user_id": cut(user_id, TEXT) })),
            &answer,
            |user| json!({ "user": user.user_id }),
        );
        answer
    }

    fn event_context(&mut self) -> Metadata {
        self.guard.event_context()
    }

    fn shown(&mut self, user_id: &str) -> Result<Arc<User>, ApiError> {
        self.guard.shown(user_id)
    }

    fn link(&mut self, request: LinkRequest) -> Result<Arc<User>, ApiError> {
        let asked = link_asked(self, &request);
        let answer = self.guard.link(request);
        self.note("accounts.link", asked, &answer, |primary| {
            json!({ "identities": primary.identities.iter().map(Identity::as_user_id).collect::<Vec<_>>() })
        });
        answer
    }

    fn reject_link(&mut self, primary: &str, secondary: &str, why: String) -> ApiError {
        let answer = self.guard.reject_link(primary, secondary, why);
        self.note("accounts.link", Some(sides(primary, secondary)), &Err::<(), _>(answer.clone()), |()| {
            json!({})
        });
        answer
    }
}
