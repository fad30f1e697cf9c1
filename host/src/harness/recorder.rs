//! Writes down the host calls of one login.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decide::AroundGuard;
use crate::guard::Guard;
use crate::login::{ApiError, Identity, LinkRequest, ManagementApi, Metadata, User};

/// One host call. Users and identities are told by their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    /// The function.
    pub call: String,
    /// What was asked.
    pub request: Value,
    /// What was answered: `users`, `user`, `identities` or `error`.
    pub answer: Value,
}

/// Stands around the guard and writes down what passes.
pub(super) struct Recorder {
    guard: Guard,
    pub(super) calls: Vec<Call>,
}

impl Recorder {
    pub(super) fn around(guard: Guard) -> Self {
        Self { guard, calls: Vec::new() }
    }

    fn note<T>(
        &mut self,
        call: &str,
        request: Value,
        answer: &Result<T, ApiError>,
        told: impl Fn(&T) -> Value,
    ) {
        let answer = match answer {
            Ok(answer) => told(answer),
            Err(error) => json!({ "error": error }),
        };
        self.calls.push(Call { call: call.to_owned(), request, answer });
    }
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
            json!({ "email": email }),
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
            json!({ "user_id": user_id }),
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
        let mut asked = json!({ "primary": request.primary, "secondary": request.secondary });
        if let Some(metadata) = &request.user_metadata {
            asked["user_metadata"] = json!(metadata);
        }
        if let Some(metadata) = &request.app_metadata {
            asked["app_metadata"] = json!(metadata);
        }
        let answer = self.guard.link(request);
        self.note("accounts.link", asked, &answer, |primary| {
            json!({ "identities": primary.identities.iter().map(Identity::as_user_id).collect::<Vec<_>>() })
        });
        answer
    }
}
