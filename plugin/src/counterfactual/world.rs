//! A copy of the input of a decision, for changes to be tried on.

use std::collections::BTreeMap;

use ligature_link_policy::{Policy, members};

use crate::bindings::{LoginEvent, Timestamp, User};
use crate::decide::{BeforeLookUp, Input, PlannedOutcome, decide};
use crate::json;

/// The login, the accounts and the policy, and the changes of them.
#[derive(Clone)]
pub(super) struct World {
    pub(super) event: LoginEvent,
    pub(super) policy: Policy,
    pub(super) found: Vec<User>,
    pub(super) now: Timestamp,
    /// The members of the settings, over those of their preset. None if the
    /// policy was not read from the event's settings.
    pub(super) members: Option<BTreeMap<String, String>>,
    /// The keys of the settings that were changed.
    pub(super) changed: Vec<&'static str>,
    /// The facts that were changed, in words.
    pub(super) facts: Vec<&'static str>,
    /// The preconditions of the changed settings, for the person who pastes them.
    pub(super) only_if: Vec<String>,
    /// The protections that the changed settings remove.
    pub(super) given_up: Vec<String>,
}

/// A new value of a key of the settings.
pub(super) struct NewValue {
    pub(super) key: &'static str,
    pub(super) json: String,
    /// The precondition of the value, for the person who pastes it.
    pub(super) only_if: Option<String>,
}

impl World {
    pub(super) fn from_input(input: &Input) -> Self {
        let mut event = input.event.clone();
        event.trace = false;
        let document = Policy::with_preset(&event.settings).ok();
        let members = document.as_deref().and_then(|document| {
            let members = members::parse_members(document).ok()?;
            let compact = |value: &str| {
                let mut out = String::with_capacity(value.len());
                json::write_compact(&mut out, value);
                out
            };
            Some(members.into_iter().map(|(key, value)| (key, compact(value.get()))).collect())
        });
        let is_of_settings = Policy::parse(&event.settings).is_ok_and(|policy| policy == *input.policy);
        Self {
            event,
            policy: input.policy.clone(),
            found: input.found.to_vec(),
            now: input.now,
            members: members.filter(|_| is_of_settings),
            changed: Vec::new(),
            facts: Vec::new(),
            only_if: Vec::new(),
            given_up: Vec::new(),
        }
    }

    /// Changes a key of the settings. None if that changes nothing, or makes the settings invalid.
    pub(super) fn apply_setting(&self, NewValue { key, json, only_if }: NewValue) -> Option<Self> {
        let mut members = self.members.clone()?;
        if members.insert(key.to_owned(), json.clone()).is_some_and(|before| before == json) {
            return None;
        }
        let policy = Policy::read_and_check(&write_members(&members, |_| true)).ok()?;
        if policy == self.policy {
            return None;
        }
        let before = self.policy.warnings();
        let is_new = |it: &ligature_link_policy::Warning| !it.attack.is_empty() && !before.contains(it);
        let given_up = policy.warnings().into_iter().filter(is_new);
        let given_up = given_up
            .map(|it| format!("{} ({} in docs/security.md).", it.message.trim_end_matches('.'), it.attack));
        let mut world = Self { members: Some(members), ..self.clone() };
        world.given_up.extend(given_up);
        world.policy = policy;
        world.only_if.extend(only_if);
        if !world.changed.contains(&key) {
            world.changed.push(key);
        }
        Some(world)
    }

    /// The value of a key of the settings, as it is written.
    pub(super) fn setting(&self, key: &str) -> Option<&str> {
        self.members.as_ref()?.get(key).map(String::as_str)
    }

    /// The object of the keys that were changed.
    pub(super) fn changed_settings(&self) -> Option<String> {
        let members = self.members.as_ref().filter(|_| !self.changed.is_empty())?;
        Some(write_members(members, |key| self.changed.contains(&key)))
    }

    pub(super) fn input<'a>(&'a self, input: &Input<'a>) -> Input<'a> {
        Input { event: &self.event, policy: &self.policy, found: &self.found, now: self.now, ..*input }
    }

    pub(super) fn rules_before_look_up<'a>(&'a self, input: &Input<'a>) -> BeforeLookUp<'a> {
        BeforeLookUp::weigh(self.input(input).login())
    }

    pub(super) fn decide(&self, input: &Input) -> PlannedOutcome {
        decide(&self.input(input))
    }
}

/// Estimates the bytes that a decision has to read.
pub(super) fn estimate_bytes(input: &Input) -> usize {
    let metadata = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let user = |user: &User| {
        400 + 200 * user.identities.len() + metadata(&user.user_metadata) + metadata(&user.app_metadata)
    };
    let found: usize = input.found.iter().map(user).sum();
    1000 + input.event.settings.len() + user(&input.event.user) + found
}

fn write_members(members: &BTreeMap<String, String>, is_wanted: impl Fn(&str) -> bool) -> String {
    let mut out = String::from("{");
    for (key, value) in members.iter().filter(|(key, _)| is_wanted(key)) {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(key).unwrap_or_default());
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}
