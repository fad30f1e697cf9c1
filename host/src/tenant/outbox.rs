//! Mails and messages that are sent nowhere: they can be read.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::login::Timestamp;

/// Messages that are kept.
const KEPT: usize = 1_000;

/// What would have been sent, the newest first.
#[derive(Default)]
pub(super) struct Outbox(Mutex<VecDeque<Message>>);

/// A mail or a text message.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Message {
    /// An address or a phone number.
    pub(super) to: String,
    pub(super) kind: Kind,
    pub(super) connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    pub(super) at: Timestamp,
}

/// What a message is for.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A one-time password.
    Code,
    /// A link that logs in.
    Link,
    /// A link to a page that asks for a new password.
    Reset,
    /// A link that verifies the address.
    Verify,
}

impl Outbox {
    pub(super) fn send(&self, message: Message) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(message);
        kept.truncate(KEPT);
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
