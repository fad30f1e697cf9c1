//! Case files: one login, the users before it, and the policy.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::faulty_directory::{DirectoryFault, FaultyDirectory};
use crate::ambient::Ambient;
use crate::directory::{Directory, Memory, arrive, new_user};
use crate::model::{LoginEvent, StepAnswer, Timestamp, User, mask_addresses};
use crate::policies::PolicyDocument;
use crate::reading::{InputError, display_path, place_behind, read_json, read_text};
use crate::recording::{Recording, RecordingFile};

/// A case: one login to decide.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file that the case was read from.
    pub file: PathBuf,
    /// The purpose of the case, in one sentence.
    pub title: String,
    /// The login's time.
    pub now: Timestamp,
    /// The policy document.
    pub policy: PolicyDocument,
    /// The policies that decide, in order, if there are several; all of the policies
    /// file if empty.
    pub policies: Vec<NamedPolicy>,
    /// The users before the login. The event's user is created at the login if it is
    /// not among them.
    pub users: Vec<User>,
    /// The login's event.
    pub event: Arc<LoginEvent>,
    /// The user's answer to a prompt. With it, the login continues after the prompt.
    pub answer: Option<StepAnswer>,
    /// The faults of the directory.
    pub faults: Vec<DirectoryFault>,
    /// Whether the directory's look-ups by address are case-sensitive.
    pub exact_look_up: bool,
    /// The recording, if the case is a recorded login.
    pub recording: Option<Arc<Recording>>,
}

/// A case file. Events and users have Auth0's own shapes, so that an exported user or
/// a logged event can be pasted in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Case")]
struct CaseFile<'a> {
    /// The JSON Schema of this file, for editors. Ignored.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// The purpose of the case, in one sentence.
    title: String,
    /// The login's time, which is the only time that the plugin can read.
    now: Timestamp,
    /// The plugin's policy document; `{}` if absent.
    #[serde(borrow, default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    policy: Option<&'a RawValue>,
    /// The policies that decide, in order, by their names in the policies file; all of
    /// that file if absent.
    #[serde(borrow, default)]
    policies: Vec<NamedPolicyFile<'a>>,
    /// The users before the login. The event's user is created at the login, as at a
    /// first login, if it is not among them.
    #[serde(default)]
    users: Vec<User>,
    /// The login: an Auth0 post-login event.
    event: LoginEvent,
    /// The user's answer to a prompt. With it, the login continues after the prompt
    /// (`on-continue`).
    #[serde(default)]
    answer: Option<StepAnswer>,
    /// The faults of the directory.
    #[serde(default)]
    faults: Vec<DirectoryFault>,
    /// Whether the directory's look-ups by address are case-sensitive, as Auth0's are.
    /// Otherwise they ignore the case of ASCII letters.
    #[serde(default)]
    exact_look_up: bool,
    /// The recording of a login, for `ligature replay`. Without it, or for other commands, the
    /// directory holds the `users`.
    #[serde(default)]
    recording: Option<RecordingFile>,
}

/// One of several policies.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedPolicy {
    /// The policy's name in the policies file.
    pub name: String,
    /// The policy document; none takes that of the policies file.
    pub settings: Option<PolicyDocument>,
}

/// One of several policies, in a case file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "NamedPolicy")]
struct NamedPolicyFile<'a> {
    /// The policy's name in the policies file.
    name: String,
    /// The policy document; that of the policies file if absent.
    #[serde(borrow, default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    settings: Option<&'a RawValue>,
}

/// Returns the JSON Schema of a case file.
#[must_use]
pub fn case_schema() -> schemars::Schema {
    schemars::schema_for!(CaseFile)
}

/// Reads a post-login event.
///
/// # Errors
///
/// When it cannot be read or is not an event, with the place in it.
pub fn read_event(file: &Path) -> Result<LoginEvent, InputError> {
    let text = read_text(file)?;
    read_json(file, &text).map_err(|error| {
        let is_case = serde_json::from_str::<Map<String, Value>>(&text)
            .is_ok_and(|it| !it.contains_key("user") && it.get("event").is_some_and(Value::is_object));
        if !is_case {
            return error;
        }
        InputError::for_file(file, "this is a case, which holds an event: decide it without --event")
    })
}

impl Case {
    /// Reads a case file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not a case, with the place in it.
    pub fn read_file(file: &Path) -> Result<Self, InputError> {
        Self::parse(file, &read_text(file)?)
    }

    /// Reads a case from text that came from `file`.
    ///
    /// # Errors
    ///
    /// When it is not a case, with the place in it.
    pub fn parse(file: &Path, text: &str) -> Result<Self, InputError> {
        // A derived `Deserialize` accepts a list of the fields in order.
        if !text.trim_start().starts_with('{') {
            let other: Value = read_json(file, text)?;
            let kind = match other {
                Value::Array(_) => "a list".to_owned(),
                Value::String(_) => "a text".to_owned(),
                other => format!("`{other}`"),
            };
            return Err(InputError {
                file: display_path(file),
                place: Some((1, 1)),
                message: format!("expected an object, not {kind}"),
            });
        }
        let read: CaseFile = read_json(file, text).map_err(|error| {
            if is_event(text) {
                let why = "this is an event, not a case: a case holds it under the key `event`";
                return InputError::for_file(file, why);
            }
            error
        })?;
        let document = |raw: &RawValue| {
            let before = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            let place = place_behind(&text.as_bytes()[..before]);
            PolicyDocument::from_json_value(file, place, raw.get().to_owned())
        };
        let policy = read.policy.map(document).unwrap_or_default();
        let policies = read.policies.into_iter();
        let policies =
            policies.map(|it| NamedPolicy { name: it.name, settings: it.settings.map(document) }).collect();
        let recording = read.recording.map(|recording| recording.into_recording(&read.users)).transpose();
        let recording = recording.map_err(|message| InputError::for_file(file, message))?;
        let event = match &recording {
            Some(recording) => recording.restore_event(read.event),
            None => read.event,
        };
        let case = Self {
            file: file.to_owned(),
            title: read.title,
            now: read.now,
            policy,
            policies,
            users: read.users,
            event: Arc::new(event),
            answer: read.answer,
            faults: read.faults,
            exact_look_up: read.exact_look_up,
            recording: recording.map(Arc::new),
        };
        case.check_ids(text)?;
        Ok(case.with_assumed_connection())
    }

    fn check_ids(&self, text: &str) -> Result<(), InputError> {
        let mut ids = HashSet::new();
        let users = self.users.iter().map(|user| ("users", &user.user_id));
        for (key, id) in users.chain([("event.user", &self.event.user.user_id)]) {
            if !id.split_once('|').is_some_and(|(provider, id)| !provider.is_empty() && !id.is_empty()) {
                let message = format!("`{key}`: the user_id `{id}` is not of the form `provider|id`");
                return Err(self.id_error(find_id(text, id, 0), message));
            }
            if key == "users" && !ids.insert(id.clone()) {
                let message = format!("`users`: there are two users with the user_id `{id}`");
                return Err(self.id_error(find_id(text, id, 1), message));
            }
        }
        Ok(())
    }

    /// Assumes the event's connection for the event's user, if it is among the users
    /// and its own identity names no connection.
    fn with_assumed_connection(mut self) -> Self {
        let connection = &self.event.connection;
        let of_event = self.users.iter_mut().find(|user| user.user_id == self.event.user.user_id);
        if let Some(user) = of_event {
            *user = std::mem::take(user).with_own_identity("");
            user.assume_connection(connection);
        }
        self
    }

    fn id_error(&self, place: Option<(usize, usize)>, message: String) -> InputError {
        InputError { file: display_path(&self.file), place, message }
    }

    /// Returns the clock and randomness of the case's directory. The clock stands at the
    /// login's time, and ids are the same every time.
    #[must_use]
    pub fn ambient(&self) -> Ambient {
        Ambient::fixed(self.now)
    }

    /// Creates a directory of the case's users, at which the login arrives as at any
    /// other directory. Returns it with the case, whose event is that of the user found
    /// there.
    ///
    /// The users are not validated as at an import: other directories hold malformed
    /// addresses, and outdated copies.
    ///
    /// # Errors
    ///
    /// When the directory does not accept the login.
    pub fn arrive(&self) -> Result<(Memory, Self), InputError> {
        let directory = Memory::with_users(&self.ambient(), self.users.iter().cloned());
        let is_listed = self.users.iter().any(|user| user.user_id == self.event.user.user_id);
        let owner = self.event.identity().map(|identity| directory.owner(identity.key()));
        if !is_listed && matches!(owner, Some(Ok(None))) {
            directory.put(new_user(&self.event, self.now));
        }
        let event = arrive(&directory, LoginEvent::clone(&self.event), self.now)
            .map_err(|error| InputError::for_file(&self.file, mask_addresses(&error.to_string())))?;
        Ok((directory, Self { event: Arc::new(event), ..self.clone() }))
    }

    /// Creates a directory with the case's faults.
    #[must_use]
    pub fn faulty_directory(&self, directory: Arc<Memory>) -> FaultyDirectory {
        FaultyDirectory::new(directory, self.faults.clone(), self.exact_look_up)
    }
}

/// Returns whether a text is a post-login event: it has a user, and nothing that a case has.
fn is_event(text: &str) -> bool {
    let keys = serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    keys.get("user").is_some_and(Value::is_object)
        && !keys.contains_key("event")
        && !keys.contains_key("users")
}

/// Returns line and column of the nth occurrence of a user id in a case, counting from 0.
fn find_id(text: &str, id: &str, nth: usize) -> Option<(usize, usize)> {
    let quoted = Value::from(id).to_string();
    text.match_indices(&quoted).nth(nth).map(|(at, _)| place_behind(&text.as_bytes()[..at]))
}
