//! Outbound events: what has happened to users, posted to the URLs of the configuration.
//!
//! | file | contents |
//! |---|---|
//! | `user_events` | the events of the changes of users |
//! | `event` | an event as it is posted |
//! | `outbox` | the events of one URL that are not delivered yet, in a file |
//! | `delivery` | posting the events of one URL, in order |

mod delivery;
mod event;
mod outbox;
mod user_events;

use std::sync::Arc;

use serde_json::Value;

use crate::ambient::Ambient;
use crate::tenant::config::Webhook;
use crate::tenant::store::state_dir::{StateDir, StateError};
use delivery::Delivery;
use event::render_event;
use outbox::WebhookOutbox;

/// All webhooks of the tenant.
pub(super) struct Webhooks {
    deliveries: Vec<Delivery>,
    source: String,
    ambient: Ambient,
}

impl Webhooks {
    /// Opens the outboxes, and continues to post what an earlier process has not delivered.
    pub(super) fn start(
        webhooks: &[Webhook],
        source: String,
        state: &StateDir,
        ambient: &Ambient,
    ) -> Result<Self, StateError> {
        let start = |webhook: &Webhook| {
            let outbox = Arc::new(WebhookOutbox::open(state, &webhook.url)?);
            Ok(Delivery::start(webhook.clone(), outbox, ambient))
        };
        let deliveries = webhooks.iter().map(start).collect::<Result<_, StateError>>()?;
        Ok(Self { deliveries, source, ambient: ambient.clone() })
    }

    /// Returns whether there is no webhook.
    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// Puts an event into the outbox of every URL that wants it.
    fn announce(&self, event_type: &str, object: Value) {
        let event = render_event(&self.source, event_type, object, &self.ambient);
        for delivery in self.deliveries.iter().filter(|it| it.wants(event_type)) {
            delivery.put(&event);
        }
    }
}
