//! Case files: one login, the users there are, and the policy.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::faults::Fault;
use crate::ambient::Ambient;
use crate::directory::{Directory, Memory, arrive, first_user};
use crate::model::{Answer, LoginEvent, Timestamp, User, mask_addresses};
use crate::policies::PolicyDocument;
use crate::reading::{InputError, place_behind, read_json, read_text, shown};

/// One login to decide.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file it was read from.
    pub file: PathBuf,
    /// What it shows, in one sentence.
    pub title: String,
    /// The login's time.
    pub now: Timestamp,
    /// The policy document.
    pub policy: PolicyDocument,
    /// The policies that decide, in order, where there are several; all of them
    /// if it names none.
    pub policies: Vec<NamedPolicy>,
    /// The users there are before the login. The event's user is made at the
    /// login if it is not among them.
    pub users: Vec<User>,
    /// The login.
    pub event: Arc<LoginEvent>,
    /// What came back after the user was asked: the case is the login going on.
    pub answer: Option<Answer>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Whether the directory finds addresses in exactly their case only.
    pub exact_look_up: bool,
}

/// A case, as it is written. Events and users are in Auth0's own shapes: an
/// exported user or a logged event can be pasted in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Case")]
struct CaseFile<'a> {
    /// The JSON Schema of this file, for editors. Not read.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// What the case shows, in one sentence.
    title: String,
    /// The login's time, which is all the time the plugin sees.
    now: Timestamp,
    /// The policy document of the plugin; `{}` if left out.
    #[serde(borrow, default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    policy: Option<&'a RawValue>,
    /// The policies that decide, in order, by their names in the policies file;
    /// all of that file if left out.
    #[serde(borrow, default)]
    policies: Vec<NamedPolicyFile<'a>>,
    /// The users there are. The event's user is made at the login, as at a
    /// first one, if it is not among them.
    #[serde(default)]
    users: Vec<User>,
    /// The login, an Auth0 post-login event.
    event: LoginEvent,
    /// What came back after the user was asked. With it, the case is the login
    /// going on (`on-continue`).
    #[serde(default)]
    answer: Option<Answer>,
    /// What goes wrong in the directory.
    #[serde(default)]
    faults: Vec<Fault>,
    /// Whether the directory finds an address in exactly its case only, as
    /// Auth0's does. Otherwise it ignores the case of ASCII letters.
    #[serde(default)]
    exact_look_up: bool,
}

/// One of several policies.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedPolicy {
    /// Its name in the policies file.
    pub name: String,
    /// Its policy document; that of the policies file where there is none.
    pub settings: Option<PolicyDocument>,
}

/// One of several policies, as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "NamedPolicy")]
struct NamedPolicyFile<'a> {
    /// Its name in the policies file.
    name: String,
    /// Its policy document; that of the policies file if left out.
    #[serde(borrow, default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    settings: Option<&'a RawValue>,
}

/// The JSON Schema of a case file.
#[must_use]
pub fn case_schema() -> schemars::Schema {
    schemars::schema_for!(CaseFile)
}

/// Reads a post-login event.
///
/// # Errors
///
/// When it cannot be read or is not one, with the place in it.
pub fn read_event(file: &Path) -> Result<LoginEvent, InputError> {
    let text = read_text(file)?;
    read_json(file, &text).map_err(|error| {
        let is_case = serde_json::from_str::<Map<String, Value>>(&text)
            .is_ok_and(|it| !it.contains_key("user") && it.get("event").is_some_and(Value::is_object));
        if !is_case {
            return error;
        }
        InputError::whole(file, "this is a case, which holds an event: decide it without --event")
    })
}

impl Case {
    /// Reads a case file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not a case, with the place in it.
    pub fn read(file: &Path) -> Result<Self, InputError> {
        Self::parse(file, &read_text(file)?)
    }

    /// Reads a case from text that came from `file`.
    ///
    /// # Errors
    ///
    /// When it is not a case, with the place in it.
    pub fn parse(file: &Path, text: &str) -> Result<Self, InputError> {
        // serde's derived reader takes a list for the values in their order.
        if !text.trim_start().starts_with('{') {
            let other: Value = read_json(file, text)?;
            let kind = match other {
                Value::Array(_) => "a list".to_owned(),
                Value::String(_) => "a text".to_owned(),
                other => format!("`{other}`"),
            };
            return Err(InputError {
                file: shown(file),
                place: Some((1, 1)),
                message: format!("expected an object, not {kind}"),
            });
        }
        let read: CaseFile = read_json(file, text)?;
        let document = |raw: &RawValue| {
            let before = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            let place = place_behind(&text.as_bytes()[..before]);
            PolicyDocument::in_json(file, place, raw.get().to_owned())
        };
        let policy = read.policy.map(document).unwrap_or_default();
        let policies = read.policies.into_iter();
        let policies =
            policies.map(|it| NamedPolicy { name: it.name, settings: it.settings.map(document) }).collect();
        let case = Self {
            file: file.to_owned(),
            title: read.title,
            now: read.now,
            policy,
            policies,
            users: read.users,
            event: Arc::new(read.event),
            answer: read.answer,
            faults: read.faults,
            exact_look_up: read.exact_look_up,
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
                return Err(self.id_error(text, id, 0, message));
            }
            if key == "users" && !ids.insert(id.clone()) {
                let message = format!("`users`: there are two users with the user_id `{id}`");
                return Err(self.id_error(text, id, 1, message));
            }
        }
        Ok(())
    }

    /// The event's user, where it stands among the users without the connection
    /// of its own identity, is taken to be of the event's connection.
    fn with_assumed_connection(mut self) -> Self {
        let connection = &self.event.connection;
        let of_event = self.users.iter_mut().find(|user| user.user_id == self.event.user.user_id);
        if let Some(user) = of_event {
            *user = std::mem::take(user).with_own_identity("");
            user.assume_connection(connection);
        }
        self
    }

    /// An error at the n-th place, from 0, where this user id stands.
    fn id_error(&self, text: &str, id: &str, nth: usize, message: String) -> InputError {
        let quoted = Value::from(id).to_string();
        let at = text.match_indices(&quoted).nth(nth).map(|(at, _)| place_behind(&text.as_bytes()[..at]));
        InputError { file: shown(&self.file), place: at, message }
    }

    /// The time of the case's directory: it stands at the login's, and ids come out the
    /// same every time.
    #[must_use]
    pub fn ambient(&self) -> Ambient {
        Ambient::fixed(self.now)
    }

    /// A directory of the case's users at which its login has arrived, as at any
    /// other directory, and the case of the login as its user's.
    ///
    /// The users are taken as they stand, be they such as no import takes: other
    /// directories hold malformed addresses, and copies that are out of date.
    ///
    /// # Errors
    ///
    /// When the login is none of this directory.
    pub fn arrived(&self) -> Result<(Memory, Self), InputError> {
        let directory = Memory::with_users(&self.ambient(), self.users.iter().cloned());
        let is_listed = self.users.iter().any(|user| user.user_id == self.event.user.user_id);
        let owner = self.event.identity().map(|identity| directory.owner(identity.key()));
        if !is_listed && matches!(owner, Some(Ok(None))) {
            directory.put(first_user(&self.event, self.now));
        }
        let event = arrive(&directory, LoginEvent::clone(&self.event), self.now)
            .map_err(|error| InputError::whole(&self.file, mask_addresses(&error.to_string())))?;
        Ok((directory, Self { event: Arc::new(event), ..self.clone() }))
    }
}
