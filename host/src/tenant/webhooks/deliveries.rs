//! The deliveries to the URLs of all webhooks.

use std::sync::Arc;

use serde_json::Value;

use crate::ambient::Ambient;
use crate::tenant::config::Webhook;
use crate::tenant::store::state_dir::{StateDir, StateError};
use crate::tenant::webhooks::delivery::Delivery;
use crate::tenant::webhooks::event::render_event;
use crate::tenant::webhooks::outbox::WebhookOutbox;

/// All webhooks of the tenant.
pub(crate) struct Webhooks {
    deliveries: Vec<Delivery>,
    source: String,
    ambient: Ambient,
}

impl Webhooks {
    /// Opens the outboxes, and continues to post what an earlier process has not delivered.
    pub(crate) fn start(
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
    pub(crate) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// Puts an event into the outbox of every URL that wants it.
    pub(super) fn announce(&self, event_type: &str, object: Value) {
        let event = render_event(&self.source, event_type, object, &self.ambient);
        for delivery in self.deliveries.iter().filter(|it| it.wants(event_type)) {
            delivery.put(&event);
        }
    }
}
