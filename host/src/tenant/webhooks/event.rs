//! An event as it is posted.

use serde_json::{Value, json};

use crate::ambient::Ambient;
use crate::model::{Timestamp, User};
use crate::tenant::profile;

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) at: Timestamp,
    /// The body, in JSON.
    pub(super) body: String,
}

/// Makes an event in the form of CloudEvents 1.0, as Auth0's event streams have it.
///
/// Source: CloudEvents 1.0, "Context attributes". Auth0, "Event streams": the user is in
/// `data.object`.
pub(super) fn render_event(source: &str, event_type: &str, object: Value, ambient: &Ambient) -> Event {
    let (id, at) = (format!("evt_{}", ambient.random().secret()), ambient.now());
    let body = json!({
        "specversion": "1.0", "type": event_type, "source": source, "id": id, "time": at,
        "datacontenttype": "application/json", "data": { "object": object },
    });
    Event { id, at, body: body.to_string() }
}

/// Returns the JSON of a user, as the Management API has it.
pub(super) fn render_user(user: &User) -> Value {
    let mut shown = profile::render_user(user);
    for key in profile::NOT_SHOWN {
        shown.remove(key);
    }
    Value::Object(shown)
}
