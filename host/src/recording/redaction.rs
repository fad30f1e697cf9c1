//! The parts of a login that a recording leaves out or masks. Only listed fields are recorded:
//! a field that nobody has thought of stays out.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::masking::MaskKey;
use crate::ambient::Ambient;
use crate::model::{
    LoginEvent, Metadata, User, has_secret, is_profile_field, is_secret, mask_addresses, may_name_an_object,
    truncate,
};

/// The rules by which a login is made fit for a file.
pub struct Redaction {
    key: MaskKey,
    is_masking: bool,
}

/// The names of the fields that were left out.
#[derive(Debug, Default)]
pub(super) struct LeftOut(BTreeSet<String>);

/// The most names that are kept, and the most bytes of each.
const NAMES: usize = 50;
const NAME: usize = 80;

/// The root fields of a user that hold the factors of MFA.
const FACTORS: [&str; 3] = ["enrolledFactors", "multifactor", "mfa_factors"];

/// The fields of a transaction that are recorded, besides the typed ones. Its state, its
/// redirect URI and its login hint are not.
const TRANSACTION: [&str; 2] = ["acr_values", "requested_scopes"];

impl LeftOut {
    fn note(&mut self, parent: &str, name: &str) {
        if self.0.len() < NAMES {
            self.0.insert(format!("{parent}.{}", truncate(name, NAME)));
        }
    }

    /// Keeps the fields of an object that `is_kept` names.
    fn retain(&mut self, parent: &str, fields: &mut Map<String, Value>, is_kept: impl Fn(&str) -> bool) {
        fields.retain(|name, _| {
            let is_kept = is_kept(name);
            if !is_kept {
                self.note(parent, name);
            }
            is_kept
        });
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.0.into_iter().collect()
    }
}

impl Redaction {
    /// Creates the rules, with a random key of their own.
    #[must_use]
    pub fn new(is_masking: bool, ambient: &Ambient) -> Self {
        Self { key: MaskKey::draw(ambient), is_masking }
    }

    /// Returns whether addresses and names are masked.
    #[must_use]
    pub fn is_masking(&self) -> bool {
        self.is_masking
    }

    /// Masks the addresses in a value, if addresses are masked.
    pub(super) fn mask(&self, value: Value) -> Value {
        if self.is_masking { self.key.mask_value(value) } else { value }
    }

    /// Masks the addresses in a text, if addresses are masked.
    pub(super) fn mask_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_masking { self.key.mask_addresses(text) } else { Cow::Borrowed(text) }
    }

    /// Masks a text that stands in the place of an address, if addresses are masked.
    pub(super) fn mask_email<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.key.mask_email(text).filter(|_| self.is_masking) {
            Some(masked) => Cow::Owned(masked),
            None => self.mask_text(text),
        }
    }

    /// The text that stands for a secret.
    pub(super) fn stand_in(&self, secret: &str) -> String {
        self.key.stand_in(secret)
    }

    /// Masks the addresses in a title, which terminals show: also if addresses are not masked.
    pub(super) fn mask_title<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_masking { self.key.mask_addresses(text) } else { mask_addresses(text) }
    }

    /// Returns the recorded part of an event.
    pub(super) fn redact_event(&self, event: &LoginEvent, left_out: &mut LeftOut) -> LoginEvent {
        let mut event = event.clone();
        event.user = self.redact_user_of("event.user", &event.user, left_out);
        left_out.retain("event.connection", &mut event.connection.rest, |_| false);
        if let Some(client) = &mut event.client {
            left_out.retain("event.client", &mut client.rest, |_| false);
        }
        if let Some(organization) = &mut event.organization {
            left_out.retain("event.organization", &mut organization.rest, |_| false);
        }
        if let Some(authentication) = &mut event.authentication {
            left_out.retain("event.authentication", &mut authentication.rest, |_| false);
            for method in &mut authentication.methods {
                left_out.retain("event.authentication.methods", &mut method.rest, |_| false);
            }
        }
        if let Some(transaction) = &mut event.transaction {
            left_out.retain("event.transaction", &mut transaction.rest, |name| TRANSACTION.contains(&name));
            transaction.rest.values_mut().for_each(keep_texts);
        }
        event.rest = redact_rest(std::mem::take(&mut event.rest), left_out);
        event
    }

    /// Returns the recorded part of a user of the directory.
    pub(super) fn redact_user(&self, user: &User, left_out: &mut LeftOut) -> User {
        self.redact_user_of("users", user, left_out)
    }

    /// Returns metadata with stand-ins for its secrets. Equal secrets have equal ones, so that
    /// a policy that compares or copies them decides as before.
    pub(super) fn redact_metadata(&self, metadata: &Metadata) -> Metadata {
        metadata.iter().map(|(name, value)| (name.clone(), self.redact_field(name, value))).collect()
    }

    fn redact_user_of(&self, parent: &str, user: &User, left_out: &mut LeftOut) -> User {
        let mut user = user.clone();
        left_out.retain(parent, &mut user.rest, |name| is_profile_field(name) || FACTORS.contains(&name));
        for (name, value) in &mut user.rest {
            if FACTORS.contains(&name.as_str()) {
                keep_factor_names(value)
            } else {
                self.redact_profile(value)
            }
        }
        if let Some(email) = user.email.as_mut().filter(|_| self.is_masking) {
            replace(email, self.key.mask_email(email));
        }
        let of_identity = format!("{parent}.identities");
        for identity in &mut user.identities {
            left_out.retain(&of_identity, &mut identity.rest, |_| false);
            let Some(profile) = &mut identity.profile_data else { continue };
            let is_kept = |name: &str| is_profile_field(name) || matches!(name, "email" | "email_verified");
            left_out.retain(&format!("{of_identity}.profileData"), profile, is_kept);
            let of_profile = profile.iter_mut().filter(|(name, _)| is_profile_field(name));
            of_profile.for_each(|(_, value)| self.redact_profile(value));
            if let (true, Some(Value::String(email))) = (self.is_masking, profile.get_mut("email")) {
                replace(email, self.key.mask_email(email));
            }
        }
        for metadata in [&mut user.user_metadata, &mut user.app_metadata].into_iter().flatten() {
            *metadata = self.redact_metadata(metadata);
        }
        user
    }

    /// Masks a text of a profile, if names are masked. Everything else but truth values goes.
    fn redact_profile(&self, value: &mut Value) {
        match value {
            Value::String(text) if has_secret(text) => *text = self.key.stand_in(text),
            Value::String(text) if self.is_masking => replace(text, self.key.mask_personal(text)),
            Value::String(_) | Value::Bool(_) | Value::Null => {}
            _ => *value = Value::Null,
        }
    }

    fn redact_field(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Object(fields) if may_name_an_object(name) => Value::Object(self.redact_metadata(fields)),
            secret if is_secret(name) => Value::String(self.key.stand_in(&secret.to_string())),
            Value::String(text) if has_secret(text) => Value::String(self.key.stand_in(text)),
            Value::Array(items) => items.iter().map(|item| self.redact_field("", item)).collect(),
            Value::Object(fields) => Value::Object(self.redact_metadata(fields)),
            other => other.clone(),
        }
    }
}

fn replace(text: &mut String, by: Option<String>) {
    if let Some(by) = by {
        *text = by;
    }
}

/// Returns the recorded part of an event's other fields.
fn redact_rest(rest: Map<String, Value>, left_out: &mut LeftOut) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, value) in rest {
        let listed: &[&str] = match name.as_str() {
            "authorization" => {
                kept.insert(name, keep_roles(value));
                continue;
            }
            "request" => &["method"],
            "stats" => &["logins_count"],
            "tenant" => &["id"],
            "resource_server" => &["identifier"],
            _ => &[],
        };
        match value {
            Value::Object(mut fields) if !listed.is_empty() => {
                left_out.retain(&format!("event.{name}"), &mut fields, |field| listed.contains(&field));
                fields.values_mut().for_each(keep_texts);
                kept.insert(name, Value::Object(fields));
            }
            _ => left_out.note("event", &name),
        }
    }
    kept
}

/// Keeps the names of roles. In a form of its own, every word is one.
fn keep_roles(authorization: Value) -> Value {
    match authorization {
        Value::Object(mut fields) => {
            fields.retain(|name, _| name == "roles");
            if let Some(Value::Array(roles)) = fields.get_mut("roles") {
                for role in roles {
                    if let Value::Object(role) = role
                        && role.get("name").is_some_and(Value::is_string)
                    {
                        role.retain(|name, _| name == "name" || name == "id");
                    }
                }
            }
            Value::Object(fields)
        }
        other => other,
    }
}

/// Keeps a text, a number, or a list of them.
fn keep_texts(value: &mut Value) {
    match value {
        Value::Array(items) => items.retain(|item| item.is_string() || item.is_number()),
        Value::Object(_) => *value = Value::Null,
        _ => {}
    }
}

/// Keeps the names of factors, in the forms in which [`User::mfa_factors`] reads them.
fn keep_factor_names(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(keep_factor_names),
        Value::Object(fields) => {
            let named = ["type", "method"].into_iter().find(|name| fields.contains_key(*name));
            let first = named.map(str::to_owned).or_else(|| fields.keys().next().cloned());
            fields.retain(|name, _| Some(name) == first.as_ref());
            if named.is_none() {
                fields.values_mut().for_each(|held| *held = Value::Object(Map::new()));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{LeftOut, Redaction};
    use crate::ambient::Ambient;
    use crate::model::{LoginEvent, Metadata};

    /// A login with every field of Auth0's event.
    fn whole_event() -> Value {
        let case = include_str!("../../../examples/cases/verified-google-login.json");
        let mut case: Value = serde_json::from_str(case).unwrap();
        case["event"].take()
    }

    /// The JSON pointers of every value that is neither an object nor a list, and of a field of its own
    /// in every object.
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.push(format!("{at}/unheard_of"));
                fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found));
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{at}/{n}"), found));
            }
            _ => found.push(at.to_owned()),
        }
    }

    fn put(event: &mut Value, place: &str, value: Value) {
        let (parent, name) = place.rsplit_once('/').unwrap();
        match event.pointer_mut(parent).unwrap() {
            Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
            parent => parent[name.parse::<usize>().unwrap()] = value,
        }
    }

    fn recorded(event: &Value, is_masking: bool) -> Option<String> {
        let event: LoginEvent = serde_json::from_value(event.clone()).ok()?;
        let redaction = Redaction::new(is_masking, &Ambient::system());
        let redacted = redaction.redact_event(&event, &mut LeftOut::default());
        Some(redaction.mask(serde_json::to_value(redacted).unwrap()).to_string())
    }

    /// The places of an event whose value a recording has. A value of another type than the
    /// field's is tried too, because foreign JSON has any.
    fn recorded_places(is_masking: bool) -> Vec<String> {
        let mut found = Vec::new();
        places(&whole_event(), "", &mut found);
        assert!(found.len() > 150, "{}", found.len());
        found.retain(|place| {
            let texts = [json!("c4nary"), json!("c4nary@c4nary.com")];
            let canaries = texts.into_iter().chain([json!({ "c4nary": "c4nary" }), json!(["c4nary"])]);
            canaries.into_iter().any(|canary| {
                let mut event = whole_event();
                put(&mut event, place, canary);
                recorded(&event, is_masking).is_some_and(|text| {
                    // The domain of an address stays.
                    text.replace("@c4nary.com", "").contains("c4nary")
                })
            })
        });
        found
    }

    #[test]
    fn a_recording_has_these_fields_of_an_event_and_no_others() {
        insta::assert_snapshot!(recorded_places(false).join("\n"));
    }

    #[test]
    fn a_masked_recording_has_fewer_fields_in_clear() {
        insta::assert_snapshot!(recorded_places(true).join("\n"));
    }

    fn redact(metadata: Value) -> Metadata {
        let metadata: Map<String, Value> = serde_json::from_value(metadata).unwrap();
        Redaction::new(false, &Ambient::system()).redact_metadata(&metadata)
    }

    #[test]
    fn secrets_in_metadata_have_stand_ins_that_are_equal_if_they_are() {
        let token = "eyJhbGciOiJIUzI1NiJ9.e30.c4nary";
        let metadata = redact(json!({
            "api_key": "c4nary", "refreshToken": "c4nary", "deep": [{ "password": "c4nary", "plan": "pro" }],
            "Secret-Key": { "kid": "c4nary" }, "pasted": token, "pasted_again": token,
            "header": format!("Bearer {token}"), "link": format!("https://example.com/?t={token}&x=1"),
            "no_token": false, "theme": "dark",
        }));
        let text = serde_json::to_string(&metadata).unwrap();
        assert!(!text.contains("c4nary"), "{text}");
        assert_eq!(metadata["api_key"], metadata["refreshToken"]);
        assert_eq!(metadata["pasted"], metadata["pasted_again"]);
        assert_ne!(metadata["api_key"], metadata["Secret-Key"]);
        assert_eq!((&metadata["deep"][0]["plan"], &metadata["theme"]), (&json!("pro"), &json!("dark")));
        assert_eq!(metadata["no_token"], false);
    }

    #[test]
    fn secrets_by_other_names_and_by_their_form_are_left_out() {
        let metadata = redact(json!({
            "Authorization": "c4nary", "pwd": "c4nary", "otp": 123_456, "pin": "c4nary", "totp_seed": "c4nary",
            "recovery_code": "c4nary", "auth": "c4nary", "sessionId": "c4nary", "hash": "c4nary", "Passwort": "c4nary",
            "note": "Bearer c4naryc4nary", "key": "sk_live_c4naryc4nary",
            "url": "https://u:c4nary@host/?access_token=c4nary", "shipping": "express",
            "authorization": { "roles": ["admin"], "otp": "c4nary" },
        }));
        let text = serde_json::to_string(&metadata).unwrap();
        assert!(!text.contains("c4nary") && !text.contains("123456"), "{text}");
        assert_eq!(metadata["shipping"], "express");
        assert_eq!(metadata["authorization"]["roles"], json!(["admin"]));
    }

    #[test]
    fn the_names_of_fields_that_are_left_out_are_bounded() {
        let mut left_out = LeftOut::default();
        (0..1_000).for_each(|number| left_out.note("event", &format!("{number}{}", "x".repeat(1_000))));
        let names = left_out.into_names();
        assert!(names.len() == 50 && names.iter().all(|name| name.len() <= 100), "{names:?}");
    }
}
