//! Deciding a login and recording it.

use std::sync::{Arc, PoisonError};

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::check_marks::CheckMarks;
use super::exchange::{DirectoryAnswer, DirectoryCall, ExchangedCall, KnownUsers};
use super::file::{FORMAT, RecordingFile};
use super::queue_memory::JsonBytes;
use super::recording::{DecidedLogin, RecordedPolicy, hash_document};
use super::recording_directory::RecordingDirectory;
use super::redaction::{LeftOut, Redaction};
use crate::decide::{
    DecisionContext, DecisionRequest, LoginDecision, OnFailure, Policy, UserKeeper, decide_login,
};
use crate::guard::Guard;
use crate::model::{LoginEvent, StepAnswer, Timestamp, User};
use crate::sandbox::{CONTRACT, Settings};
use crate::terminal::Json;

/// A decided login with everything that its replay needs.
pub struct RecordedLogin {
    event: Arc<LoginEvent>,
    now: Timestamp,
    answer: Option<StepAnswer>,
    policies: Vec<(RecordedPolicy, Settings)>,
    on_failure: OnFailure,
    can_prompt: bool,
    user_keeper: UserKeeper,
    ignores_case: bool,
    exchange: Vec<(DirectoryCall, DirectoryAnswer)>,
    decided: DecidedLogin,
}

/// The reason why a login has no recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnwritableRecording {
    /// The answers of the directory hold too many users.
    #[error("the answers of its directory hold {0} users; a recording holds at most {MAX_USERS}")]
    TooManyUsers(usize),
    /// The recording would be too large.
    #[error("its recording would have {0} bytes; a recording has at most {MAX_BYTES}")]
    TooLarge(usize),
    /// Something of the login has no form in JSON.
    #[error("it has no form in JSON: {0}")]
    NotJson(String),
}

/// The most users, and the most bytes, of one recording.
const MAX_USERS: usize = 200;
const MAX_BYTES: usize = 1 << 20;

/// A recording as a file: a case with the key `recording`.
#[derive(Serialize)]
struct RecordedCase {
    title: String,
    now: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<NamedDocument>,
    users: Part<Vec<User>>,
    event: Part<LoginEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Part<StepAnswer>>,
    recording: Part<RecordingFile>,
}

#[derive(Serialize)]
struct NamedDocument {
    name: String,
    settings: Box<RawValue>,
}

/// A part of the file, as it is or with masked addresses.
#[derive(Serialize)]
#[serde(untagged)]
enum Part<T> {
    Plain(T),
    Masked(Value),
}

impl<T: Serialize> Part<T> {
    fn new(part: T, redaction: &Redaction) -> serde_json::Result<Self> {
        Ok(if redaction.is_masking() {
            Self::Masked(redaction.mask(serde_json::to_value(part)?))
        } else {
            Self::Plain(part)
        })
    }
}

/// Decides a login as [`decide_login`] does, and records its exchange with the directory.
pub fn decide_and_record(
    policies: &[Policy],
    request: DecisionRequest,
    context: DecisionContext,
) -> (LoginDecision<Guard>, RecordedLogin) {
    let DecisionContext { directory, on_failure, can_prompt, user_keeper } = context;
    let ignores_case = directory.ignores_case();
    let (directory, exchange) = RecordingDirectory::wrap(directory);
    let context = DecisionContext { directory: Arc::new(directory), on_failure, can_prompt, user_keeper };
    let decision = decide_login(policies, request, |guard| guard, context);
    let exchange = std::mem::take(&mut *exchange.lock().unwrap_or_else(PoisonError::into_inner));
    let describe = |policy: &Policy| {
        let recorded = RecordedPolicy {
            name: policy.name.to_owned(),
            plugin: policy.plugin.name().to_owned(),
            plugin_sha256: policy.plugin.sha256().to_owned(),
            contract: CONTRACT.to_owned(),
            policy_sha256: policy.settings.sha256().to_string(),
            document_sha256: String::new(),
            limits: policy.plugin.limits().clone(),
        };
        (recorded, policy.settings.clone())
    };
    let login = RecordedLogin {
        event: request.event.clone(),
        now: request.now,
        answer: request.answer.cloned(),
        policies: policies.iter().map(describe).collect(),
        on_failure,
        can_prompt,
        user_keeper,
        ignores_case,
        exchange,
        decided: DecidedLogin::from_decision(&decision),
    };
    (decision, login)
}

impl RecordedLogin {
    /// A login of this event that no policy has decided.
    #[cfg(test)]
    pub(super) fn of_event(event: LoginEvent) -> Self {
        let decision = crate::model::Decision::Proceed;
        let final_user = super::recording::FinalState::Denied;
        Self {
            event: Arc::new(event),
            now: Timestamp::default(),
            answer: None,
            policies: Vec::new(),
            on_failure: OnFailure::Proceed,
            can_prompt: false,
            user_keeper: UserKeeper::Directory,
            ignores_case: false,
            exchange: Vec::new(),
            decided: DecidedLogin { decision, reasons: Vec::new(), final_user, policies: Vec::new() },
        }
    }

    /// The login's time.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the bytes of the login as JSON, before anything is left out; `None` if there are
    /// more than the queue may have.
    pub(super) fn count_bytes(&self) -> Option<usize> {
        let mut bytes = JsonBytes::default();
        bytes.add(&*self.event)?;
        self.exchange
            .iter()
            .flat_map(|(_, answered)| answered.users())
            .try_for_each(|user| bytes.add(&**user))?;
        Some(bytes.0)
    }

    /// Returns the recording as the JSON text of a case file. Everything that `redaction` does
    /// not list is left out.
    ///
    /// # Errors
    ///
    /// If it would be too large.
    pub fn to_json(&self, redaction: &Redaction) -> Result<Json, UnwritableRecording> {
        let users: usize = self.exchange.iter().map(|(_, answered)| answered.users().count()).sum();
        if users > MAX_USERS {
            return Err(UnwritableRecording::TooManyUsers(users));
        }
        let json = self.to_case(redaction).and_then(|case| Json::pretty(&case));
        match json {
            Err(error) => Err(UnwritableRecording::NotJson(error.to_string())),
            Ok(json) if json.as_str().len() > MAX_BYTES => {
                Err(UnwritableRecording::TooLarge(json.as_str().len()))
            }
            Ok(json) => Ok(json),
        }
    }

    fn to_case(&self, redaction: &Redaction) -> serde_json::Result<RecordedCase> {
        let mut documents = Vec::with_capacity(self.policies.len());
        for (policy, settings) in &self.policies {
            let settings = redact_document(settings, redaction)?;
            documents.push(NamedDocument { name: policy.name.clone(), settings });
        }
        let texts = self.policies.iter().zip(&documents);
        let texts: Vec<_> = texts.map(|((_, was), is)| (was.text(), is.settings.get())).collect();
        let answered = || self.exchange.iter().flat_map(|(_, answered)| answered.users());
        let shown = answered().map(|user| &**user).chain([&**self.event.account()]);
        let marks = CheckMarks::new(&texts, shown, redaction);

        let mut left_out = LeftOut::default();
        let mut event = redaction.redact_event(&self.event, &mut left_out);
        marks.renew(event.user.app_metadata.as_mut());
        let mut redact_user = |user: &User| {
            let mut user = redaction.redact_user(user, &mut left_out);
            marks.renew(user.app_metadata.as_mut());
            user
        };
        // Users before the login, as the first answer with each shows them.
        let mut known = KnownUsers::new();
        for user in answered() {
            known.entry(user.user_id.clone()).or_insert_with(|| user.clone());
        }
        let users = known.values().map(|user| redact_user(user)).collect();
        let exchange = self.exchange.iter().map(|(call, answered)| ExchangedCall {
            call: redact_call(call, redaction, &marks),
            answer: answered.to_file(&mut known, &mut redact_user),
        });
        let exchange = exchange.collect();
        let policies = self.policies.iter().zip(&documents).map(|((policy, _), document)| RecordedPolicy {
            document_sha256: hash_document(document.settings.get()),
            ..policy.clone()
        });
        let policies = policies.collect();
        let recording = RecordingFile {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            masked: redaction.is_masking(),
            left_out: left_out.into_names(),
            policies,
            deny_on_failure: self.on_failure == OnFailure::Deny,
            can_prompt: self.can_prompt,
            tenant_keeps_user: self.user_keeper == UserKeeper::Tenant,
            ignores_case: self.ignores_case,
            identity: self.event.used_identity().map(|(provider, id)| [provider.to_owned(), id.to_owned()]),
            exchange,
            decided: self.decided.clone(),
        };
        let is_one = documents.len() == 1;
        let policy = if is_one { documents.pop().map(|only| only.settings) } else { None };
        let answer = self.answer.clone().map(|answer| Part::new(answer, redaction)).transpose()?;
        let user = redaction.mask_title(&self.event.user.user_id);
        Ok(RecordedCase {
            title: format!("The login of {user}: {}", self.decided.decision.kind()),
            now: self.now,
            policy,
            policies: documents,
            users: Part::new(users, redaction)?,
            event: Part::new(event, redaction)?,
            answer,
            recording: Part::new(recording, redaction)?,
        })
    }
}

/// Returns a policy document for the file, with masked addresses if they are masked.
fn redact_document(settings: &Settings, redaction: &Redaction) -> serde_json::Result<Box<RawValue>> {
    let document = settings.text().trim();
    if !redaction.is_masking() {
        return RawValue::from_string(document.to_owned());
    }
    let masked = redaction.mask(serde_json::from_str(document)?);
    RawValue::from_string(masked.to_string())
}

/// Returns a call with stand-ins for the secrets of its metadata, and with renewed marks.
fn redact_call(call: &DirectoryCall, redaction: &Redaction, marks: &CheckMarks<'_>) -> DirectoryCall {
    let mut call = call.clone();
    if let DirectoryCall::Link { user_metadata, app_metadata, .. }
    | DirectoryCall::PatchMetadata { user_metadata, app_metadata, .. } = &mut call
    {
        for metadata in [&mut *user_metadata, &mut *app_metadata].into_iter().flatten() {
            *metadata = redaction.redact_metadata(metadata);
        }
        marks.renew(app_metadata.as_mut());
    }
    call
}
