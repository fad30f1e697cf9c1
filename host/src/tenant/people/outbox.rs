//! The outbox: mails and text messages, which are stored instead of being sent.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::model::Timestamp;

/// The maximum number of stored messages, of notices and of all others.
const KEPT: usize = 1_000;

/// The messages. Notices have a place of their own, because anybody can ask for any number of codes.
#[derive(Default)]
pub(crate) struct MailOutbox(Mutex<Kept>);

/// The messages, newest first, each with its number.
#[derive(Default)]
struct Kept {
    notices: VecDeque<(u64, Message)>,
    others: VecDeque<(u64, Message)>,
    sent: u64,
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MessageKind {
    /// A one-time password.
    Code,
    /// A code in place of the one that a second factor shows.
    Factor,
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
            MessageKind::Factor => "The code of a second factor",
            MessageKind::Link => "A link to log in with",
            MessageKind::Reset => "A link to choose a new password",
            MessageKind::Verify => "A link to verify the address",
            MessageKind::Notice => "A change of how you log in",
        }
    }
}

impl MailOutbox {
    /// Stores a message, and removes the oldest one of its kind beyond the limit.
    pub(crate) fn send(&self, message: Message) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.sent += 1;
        let number = kept.sent;
        let of_kind = if message.kind == MessageKind::Notice { &mut kept.notices } else { &mut kept.others };
        of_kind.push_front((number, message));
        of_kind.truncate(KEPT);
    }

    /// Returns the messages, newest first.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = kept.notices.iter().chain(&kept.others).collect();
        all.sort_unstable_by_key(|(number, _)| Reverse(*number));
        all.into_iter().map(|(_, message)| message.clone()).collect()
    }
}
