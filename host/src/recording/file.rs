//! A recording as it stands in a case file, under the key `recording`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::exchange::{DirectoryAnswer, ExchangedCall, KnownUsers};
use super::recording::{DecidedLogin, RecordedPolicy, Recording};
use crate::decide::{OnFailure, UserKeeper};
use crate::model::{LoginEvent, User};

/// The version of the form.
pub(super) const FORMAT: u32 = 1;

/// The key `recording` of a case file: the calls of a login and their answers, in order, and
/// its decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Recording")]
pub struct RecordingFile {
    /// The version of this form: 1.
    pub format: u32,
    /// The version of the program that recorded.
    pub program: String,
    /// Whether addresses and names are masked.
    #[serde(default)]
    pub masked: bool,
    /// The fields of the login that are left out, such as `event.request.query`. A policy
    /// that reads them may decide a replay otherwise.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The policies that decided, in order.
    pub policies: Vec<RecordedPolicy>,
    /// Whether a login whose plugin fails is denied.
    #[serde(default)]
    pub deny_on_failure: bool,
    /// Whether prompts were counted, because the user saw them.
    pub can_prompt: bool,
    /// Whether a tenant of Auth0 keeps the login's user: the directory is not read again after the
    /// decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tenant_keeps_user: bool,
    /// Whether the directory's look-up by address ignores the case of ASCII letters.
    pub ignores_case: bool,
    /// The provider and the id of the identity that has logged in, if the event's user came
    /// from the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<[String; 2]>,
    /// The calls that reached the directory, with their answers.
    pub exchange: Vec<ExchangedCall>,
    /// The decision.
    pub decided: DecidedLogin,
}

impl RecordingFile {
    /// Completes the answers by the users of the case.
    ///
    /// # Errors
    ///
    /// If the form has another version, or an answer is not one of its call or names a user
    /// that nothing before it shows.
    pub fn into_recording(self, users: &[User]) -> Result<Recording, String> {
        if self.format != FORMAT {
            return Err(format!(
                "`recording.format` is {}; this version of ligature reads {FORMAT}",
                self.format
            ));
        }
        let known = users.iter().map(|user| (user.user_id.clone(), Arc::new(user.clone())));
        let mut known: KnownUsers = known.collect();
        let exchange =
            self.exchange.into_iter().enumerate().map(|(index, ExchangedCall { call, answer })| {
                let answered = DirectoryAnswer::from_file(&call, answer, &mut known);
                let answered = answered.map_err(|why| format!("`recording.exchange[{index}]`: {why}"))?;
                Ok((call, answered))
            });
        Ok(Recording {
            exchange: exchange.collect::<Result<_, String>>()?,
            program: self.program,
            is_masked: self.masked,
            left_out: self.left_out,
            policies: self.policies,
            on_failure: if self.deny_on_failure { OnFailure::Deny } else { OnFailure::Proceed },
            can_prompt: self.can_prompt,
            user_keeper: if self.tenant_keeps_user { UserKeeper::Tenant } else { UserKeeper::Directory },
            ignores_case: self.ignores_case,
            identity: self.identity,
            decided: self.decided,
        })
    }
}

impl Recording {
    /// Restores the event of the recorded login, which was read from the case.
    #[must_use]
    pub fn restore_event(&self, event: LoginEvent) -> LoginEvent {
        match &self.identity {
            Some([provider, id]) => event.restore(provider, id),
            None => event,
        }
    }
}
