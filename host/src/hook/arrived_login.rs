//! A login whose user has arrived in the directory, and the log of its decision.

use std::sync::Arc;

use super::answer_gate::AnswerGate;
use crate::model::{LoginEvent, Reason, Timestamp, mask_addresses, truncate};

/// The most bytes of the ids that a log line names.
const LONGEST_PAIR: usize = 500;

/// A login whose user has arrived in the directory.
pub(super) struct Arrived<'a> {
    /// The user's id as the tenant knows it.
    pub(super) user_id: &'a str,
    pub(super) event: Arc<LoginEvent>,
    pub(super) gate: &'a Arc<AnswerGate>,
    pub(super) now: Timestamp,
    pub(super) secret: usize,
}

impl Arrived<'_> {
    /// Logs a decision with its reasons.
    pub(super) fn log_decision(&self, policy: Option<&str>, decision: &str, reasons: &[Reason]) {
        let event = &self.event;
        let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
        // The accounts that the decision is about: of `WOULD_LINK`, the primary first.
        let pair = reasons.iter().find(|reason| reason.subject.len() > 1).map(|it| it.subject.join(" "));
        let pair = pair.as_deref().map(|ids| truncate(&mask_addresses(ids), LONGEST_PAIR).into_owned());
        tracing::info!(
            target: "login", user = %mask_addresses(&event.user.user_id),
            client = event.client.as_ref().map(|it| it.client_id.as_str()), policy, decision,
            reasons = codes.join(" "), pair, is_late = self.gate.is_closed().then_some(true), "login decided"
        );
    }

    /// Records that this login has linked accounts, so that their owner can be notified: the service
    /// sends no mail. The journal has the rest.
    pub(super) fn audit_link(&self, policy: Option<&str>, primary: &str, reasons: &[Reason]) {
        let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
        tracing::info!(
            target: "audit", user = %mask_addresses(&self.event.user.user_id), primary = %mask_addresses(primary),
            policy, reasons = codes.join(" "), "accounts were linked"
        );
    }
}
