//! Constructors of outcomes, reasons and link requests.

use crate::{
    Decision, Level, LinkRequest, LoginEvent, Outcome, Reason, Step, Suggestion, User, Verification,
};

impl Outcome {
    /// The login continues unchanged.
    #[must_use]
    pub fn proceed(code: &str, detail: impl Into<String>) -> Self {
        Self::with_reason(Decision::Proceed, code, detail.into())
    }

    /// The accounts were linked, and the login continues as this primary user. Only
    /// after [`Host::link`](crate::Host::link).
    #[must_use]
    pub fn linked(primary: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::with_reason(Decision::Linked(primary.to_owned()), code, detail.into())
    }

    /// The login continues once the user has been asked about these accounts.
    #[must_use]
    pub fn suggest(step: Step, candidates: &[&str], code: &str, detail: impl Into<String>) -> Self {
        Self::with_reason(
            Decision::Suggest(Suggestion { step, candidates: to_owned_ids(candidates) }),
            code,
            detail.into(),
        )
    }

    /// The login ends, with a message for the user.
    #[must_use]
    pub fn deny(message: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self::with_reason(Decision::Deny(message.into()), code, detail.into())
    }

    /// Sets the users of the first reason. A policy may name only users that it has
    /// received.
    #[must_use]
    pub fn about(mut self, users: &[&str]) -> Self {
        if let Some(reason) = self.reasons.first_mut() {
            reason.subject = to_owned_ids(users);
        }
        self
    }

    /// Sets the level of the first reason, which is [`Level::Info`] by default.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        if let Some(reason) = self.reasons.first_mut() {
            reason.level = level;
        }
        self
    }

    fn with_reason(decision: Decision, code: &str, detail: String) -> Self {
        let reason = Reason { code: code.to_owned(), level: Level::Info, subject: Vec::new(), detail };
        Self { decision, reasons: vec![reason], trace: Vec::new(), counterfactual: None }
    }
}

fn to_owned_ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

impl LinkRequest {
    /// A link that writes no metadata. The primary stays, the secondary becomes
    /// identities of it.
    #[must_use]
    pub fn new(primary: &str, secondary: &str) -> Self {
        Self {
            primary: primary.to_owned(),
            secondary: secondary.to_owned(),
            user_metadata: None,
            app_metadata: None,
            reasons: Vec::new(),
        }
    }

    /// Sets the reasons for the journal.
    #[must_use]
    pub fn because(mut self, reasons: &[Reason]) -> Self {
        self.reasons = reasons.to_vec();
        self
    }
}

impl Verification {
    /// Returns whether `email_verified` is JSON `true`.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified)
    }
}

impl User {
    /// Returns whether the address is verified. False if there is none.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.email.is_some() && self.email_verified.is_verified()
    }
}

impl LoginEvent {
    /// The login's own address, if it is verified: the one address that may be
    /// looked up.
    #[must_use]
    pub fn verified_email(&self) -> Option<&str> {
        let is_address = |email: &str| {
            email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        };
        let email = self.user.email.as_deref().filter(|email| is_address(email));
        email.filter(|_| self.user.email_verified.is_verified())
    }
}
