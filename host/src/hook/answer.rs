//! The answer to the Action.

use serde::Serialize;

use crate::decide::OnFailure;
use crate::model::{Level, Metadata, Reason, mask_addresses};

/// The answer to the Action: what it has to do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ActionAnswer {
    #[serde(flatten)]
    pub(super) action: Action,
    /// The reasons, for people and for the tenant's log. Addresses in them are masked.
    pub(super) reasons: Vec<Reason>,
    /// The keys of `app_metadata` that the Action sets with `api.user.setAppMetadata`: `linking`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_metadata: Option<Metadata>,
}

/// The action that the Action takes in the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(super) enum Action {
    /// The login goes on without a further action.
    Proceed,
    /// `api.authentication.setPrimaryUser(primary_user_id)`.
    SetPrimaryUser { primary_user_id: String },
    /// `api.redirect.sendUserTo(url, { query: { token } })`.
    Redirect { url: String, token: String },
    /// `api.access.deny(message)`.
    Deny { message: String },
}

impl Action {
    /// Returns the name of the action, as in JSON.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::SetPrimaryUser { .. } => "set_primary_user",
            Self::Redirect { .. } => "redirect",
            Self::Deny { .. } => "deny",
        }
    }
}

impl ActionAnswer {
    pub(super) fn new(action: Action, reasons: Vec<Reason>) -> Self {
        let mask = |text: String| mask_addresses(&text).into_owned();
        let mask_reason = |reason: Reason| Reason {
            subject: reason.subject.into_iter().map(mask).collect(),
            detail: mask(reason.detail),
            ..reason
        };
        Self { action, reasons: reasons.into_iter().map(mask_reason).collect(), app_metadata: None }
    }

    /// The answer to a login that could not be decided.
    pub(super) fn after_failure(on_failure: OnFailure, code: &'static str, detail: String) -> Self {
        let action = match on_failure {
            OnFailure::Proceed => Action::Proceed,
            OnFailure::Deny => Action::Deny {
                message: "The login could not be completed. Please try again later.".to_owned(),
            },
        };
        Self::new(action, vec![new_reason(code, Level::Error, detail)])
    }
}

/// A reason of the service itself.
pub(super) fn new_reason(code: &'static str, level: Level, detail: String) -> Reason {
    Reason { code: code.to_owned(), level, subject: Vec::new(), detail }
}

#[cfg(test)]
mod tests {
    use super::{Action, ActionAnswer, new_reason};
    use crate::model::Level;

    #[test]
    fn an_answer_names_no_whole_address_but_the_primary_users_id() {
        let action = Action::SetPrimaryUser { primary_user_id: "samlp|corp|ada@corp.com".to_owned() };
        let mut reason = new_reason("CODE", Level::Info, "Both have ada@corp.com.".to_owned());
        reason.subject = vec!["samlp|corp|ada@corp.com".to_owned()];
        assert_eq!(
            serde_json::to_string(&ActionAnswer::new(action, vec![reason])).unwrap(),
            r#"{"action":"set_primary_user","primary_user_id":"samlp|corp|ada@corp.com","reasons":[{"code":"CODE","level":"info","subject":["samlp|corp|a…@corp.com"],"detail":"Both have a…@corp.com."}]}"#
        );
    }
}
