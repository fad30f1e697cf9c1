//! The outbox: mails and text messages, which are stored instead of being sent.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::model::Timestamp;

/// The maximum number of stored messages.
const KEPT: usize = 1_000;

/// The messages, newest first.
#[derive(Default)]
pub(crate) struct MailOutbox(Mutex<VecDeque<Message>>);

/// A mail or a text message.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message {
    /// The recipient's address or phone number.
    pub(crate) to: String,
    pub(crate) kind: MessageKind,
    pub(crate) connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
    /// The lines of a notice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) text: Vec<String>,
    pub(crate) at: Timestamp,
}

/// The purpose of a message.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MessageKind {
    /// A one-time password.
    Code,
    /// A link that logs in.
    Link,
    /// A link to a page that asks for a new password.
    Reset,
    /// A link that verifies the address.
    Verify,
    /// A change of the account, with a link by which its owner objects.
    Notice,
}

impl Message {
    /// Returns the subject of the message.
    pub(crate) fn subject(&self) -> &'static str {
        match self.kind {
            MessageKind::Code => "A code to log in with",
            MessageKind::Link => "A link to log in with",
            MessageKind::Reset => "A link to choose a new password",
            MessageKind::Verify => "A link to verify the address",
            MessageKind::Notice => "A change of how you log in",
        }
    }
}

impl MailOutbox {
    /// Stores a message, and removes the oldest one beyond the limit.
    pub(crate) fn send(&self, message: Message) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(message);
        kept.truncate(KEPT);
    }

    /// Returns the messages, newest first.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
