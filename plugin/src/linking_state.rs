//! The marks of an account in its `app_metadata`, beyond Auth0's own fields.
//! `docs/marks.md` documents each; the crate `ligature-linking-marks` spells the keys, and a
//! test holds the names of the fields here against it.

use ligature_linking_marks::unlinked::OPERATOR;
use ligature_linking_marks::{AUTHORIZATION, LINKING, NO_LINK, PRIVILEGED, ROLES};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::value::RawValue;

use crate::bindings::Timestamp;
use crate::json::{Reader, UnexpectedForm, any_escape_or};
use crate::role_names::RoleNames;

/// The marks of one account; most accounts have none. A mark that is absent has no effect. An object
/// of marks that cannot be read opts the account out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkingState(Option<Box<Marks>>);

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
struct Marks {
    no_link: Mark,
    privileged: Mark,
    roles: RoleNames,
    authorization: Authorization,
    linking: Object<Linking>,
}

/// The entry of the Authorization Extension. Anything but an object has no
/// roles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Authorization {
    roles: RoleNames,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
struct Linking {
    opt_out: Mark,
    deleted: Mark,
    managed_by: Option<String>,
    verified_email: Option<String>,
    pending_email: Option<String>,
    unlinked: Option<Vec<Object<Unlinked>>>,
    prompts: Option<u32>,
    last_prompted_at: Option<Timestamp>,
    checked: Option<Object<Checked>>,
}

/// A look-up that found no other account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
struct Checked {
    at: Timestamp,
    #[serde(rename = "for")]
    fingerprint: String,
}

/// A pair that was unlinked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
struct Unlinked {
    from: String,
    at: Timestamp,
    by: Option<String>,
}

/// The person who has unlinked two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartedBy {
    /// The user of the accounts, or an application for them.
    User,
    /// An operator with access to the directory.
    Operator,
}

/// An object, or null for an empty one. serde reads a list as the fields in
/// their order, so that `[]` would be an object without marks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Object<T>(T);

impl<'de, T: DeserializeOwned + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let held = <&RawValue>::deserialize(deserializer)?.get();
        match held.as_bytes().first() {
            Some(b'{') => serde_json::from_str(held).map(Self).map_err(D::Error::custom),
            Some(b'n') => Ok(Self::default()),
            _ => Err(D::Error::custom("an object was expected")),
        }
    }
}

impl<'de> Deserialize<'de> for Authorization {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Held {
            roles: RoleNames,
        }

        let held = <&RawValue>::deserialize(deserializer)?.get();
        let is_object = held.starts_with('{');
        let read =
            if is_object { serde_json::from_str(held).map_err(D::Error::custom)? } else { Held::default() };
        Ok(Self { roles: read.roles })
    }
}

/// A mark that forbids: set by anything but `false` and `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Mark(bool);

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let held = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(!matches!(held.get(), "false" | "null")))
    }
}

/// Returns whether metadata may hold marks. Most accounts have none, and then the
/// text is not parsed. Only an escape can hide a key: then the keys are read.
fn may_hold_marks(text: &str) -> bool {
    let begins_mark = |rest: &[u8]| {
        let key = match rest {
            [b'l', b'i', ..] => LINKING,
            [b'n', b'o', ..] => NO_LINK,
            [b'p', b'r', ..] => PRIVILEGED,
            [b'r', b'o', ..] => ROLES,
            [b'a', b'u', ..] => AUTHORIZATION,
            _ => return false,
        };
        rest.strip_prefix(key.as_bytes()).is_some_and(|behind| behind.first() == Some(&b'"'))
    };
    any_escape_or(text.as_bytes(), begins_mark) && has_mark_key(text).unwrap_or(true)
}

/// The keys that hold marks.
const KEYS: [&str; 5] = [LINKING, NO_LINK, PRIVILEGED, ROLES, AUTHORIZATION];

fn has_mark_key(text: &str) -> Result<bool, UnexpectedForm> {
    let mut reader = Reader::new(text);
    let mut is_there = reader.open()?;
    while is_there {
        if KEYS.iter().any(|key| key.as_bytes() == reader.key.raw()) {
            return Ok(true);
        }
        reader.skip()?;
        is_there = reader.next()?;
    }
    reader.finish().map(|()| false)
}

impl LinkingState {
    /// Reads an account's `app_metadata`, a JSON object. An account whose marks cannot
    /// be read opts out: it is unknown what they forbid.
    #[must_use]
    pub fn parse(app_metadata: Option<&str>) -> Self {
        let Some(text) = app_metadata.filter(|text| may_hold_marks(text)) else {
            return Self::default();
        };
        let marks = match serde_json::from_str::<Object<Marks>>(text) {
            Ok(Object(read)) => read,
            Err(_) => Marks { no_link: Mark(true), ..Marks::default() },
        };
        Self((marks != Marks::default()).then(|| Box::new(marks)))
    }

    /// Returns whether the account is excepted from linking.
    #[must_use]
    pub fn opted_out(&self) -> bool {
        self.0.as_ref().is_some_and(|marks| marks.no_link.0 || marks.linking.0.opt_out.0)
    }

    /// Returns whether the account is marked as privileged.
    #[must_use]
    pub fn privileged(&self) -> bool {
        self.0.as_ref().is_some_and(|marks| marks.privileged.0)
    }

    /// Returns whether the account is deleted, or being deleted.
    #[must_use]
    pub fn deleted(&self) -> bool {
        self.linking().is_some_and(|linking| linking.deleted.0)
    }

    /// Returns whether a directory manages the account.
    #[must_use]
    pub fn managed(&self) -> bool {
        self.linking().is_some_and(|linking| linking.managed_by.is_some())
    }

    /// Returns whether another address than the present one was verified.
    #[must_use]
    pub fn verification_is_stale(&self, email: &str) -> bool {
        let verified = self.linking().and_then(|linking| linking.verified_email.as_deref());
        verified.is_some_and(|verified| !verified.eq_ignore_ascii_case(email))
    }

    /// Returns whether a change of the address is pending.
    #[must_use]
    pub fn email_change_is_pending(&self) -> bool {
        self.linking().is_some_and(|linking| linking.pending_email.is_some())
    }

    /// The names of roles in the metadata.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let marks = self.0.iter();
        marks.flat_map(|marks| marks.roles.iter().chain(marks.authorization.roles.iter()))
    }

    /// Returns who has unlinked the account from the other one, if that is less than
    /// this many days ago. `is_other` tells the ids of the other account.
    #[must_use]
    pub fn cooling_down_from(
        &self,
        is_other: impl Fn(&str) -> bool,
        days: u32,
        now: Timestamp,
    ) -> Option<PartedBy> {
        let linking = self.linking()?;
        let cooldown = u64::from(days) * 86_400_000;
        let mut unlinked = linking.unlinked.iter().flatten().map(|Object(it)| it);
        let mark = unlinked.find(|it| now.saturating_sub(it.at) < cooldown && is_other(&it.from))?;
        let is_operator = mark.by.as_deref() == Some(OPERATOR);
        Some(if is_operator { PartedBy::Operator } else { PartedBy::User })
    }

    /// Returns whether the account was unlinked from another one.
    #[must_use]
    pub fn was_unlinked(&self) -> bool {
        let unlinked = self.linking().and_then(|linking| linking.unlinked.as_ref());
        unlinked.is_some_and(|unlinked| !unlinked.is_empty())
    }

    /// Returns the fingerprint of a look-up that found no other account less than this
    /// many days ago. A look-up of the future does not count.
    #[must_use]
    pub fn checked_within(&self, days: u32, now: Timestamp) -> Option<&str> {
        let Object(checked) = self.linking()?.checked.as_ref()?;
        let age = now.checked_sub(checked.at)?;
        (age < u64::from(days) * 86_400_000).then_some(checked.fingerprint.as_str())
    }

    /// The number of prompts that the user has had.
    #[must_use]
    pub fn prompts(&self) -> u32 {
        self.linking().and_then(|linking| linking.prompts).unwrap_or(0)
    }

    /// Returns whether the user was asked less than this many days ago.
    #[must_use]
    pub fn asked_within(&self, days: u32, now: Timestamp) -> bool {
        let Some(at) = self.linking().and_then(|linking| linking.last_prompted_at) else { return false };
        at != 0 && now.saturating_sub(at) < u64::from(days) * 86_400_000
    }

    fn linking(&self) -> Option<&Linking> {
        self.0.as_ref().map(|marks| &marks.linking.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{LinkingState, PartedBy};

    const DAY: u64 = 86_400_000;

    #[test]
    fn a_user_is_asked_again_from_the_millisecond_that_the_days_are_over() {
        let state = LinkingState::parse(Some(r#"{"linking": {"prompts": 1, "last_prompted_at": 1000}}"#));
        assert!(state.asked_within(30, 1000 + 30 * DAY - 1));
        assert!(!state.asked_within(30, 1000 + 30 * DAY));
    }

    #[test]
    fn parted_accounts_stay_apart_until_the_last_millisecond_of_the_days() {
        let text = r#"{"linking": {"unlinked": [{"from": "auth0|1", "at": 1000}]}}"#;
        let state = LinkingState::parse(Some(text));
        let cooling = |now| state.cooling_down_from(|id| id == "auth0|1", 90, now).is_some();
        assert!(cooling(1000 + 90 * DAY - 1));
        assert!(!cooling(1000 + 90 * DAY));
    }

    #[test]
    fn marks_that_forbid_forbid_whatever_their_type() {
        for text in [
            r#"{"no_link": true}"#,
            r#"{"no_link": "yes"}"#,
            r#"{"linking": {"opt_out": 1}}"#,
            r#"{"linking": 7}"#,
            r#"{"linking": []}"#,
            r#"{"linking": {"unlinked": [["auth0|1", 1]]}}"#,
            r#"{"linking": {"unlinked": {}}}"#,
            r#"{"linking": {"prompts": -5}}"#,
            r#"[{"no_link": false}]"#,
            r#"{"no_link": true, "no_link": false}"#,
            r#"{"no\u005flink": true}"#,
        ] {
            assert!(LinkingState::parse(Some(text)).opted_out(), "{text}");
        }
        for text in [
            r#"{"no_link": false}"#,
            r#"{"linking": {"opt_out": null, "prompts": null, "unlinked": null, "last_prompted_at": null}}"#,
            r#"{"plan": "pro"}"#,
            r#"{"linking": null}"#,
            r#"{"linking": {}}"#,
        ] {
            assert!(!LinkingState::parse(Some(text)).opted_out(), "{text}");
        }
    }

    #[test]
    fn an_escape_hides_no_mark_and_makes_none() {
        for text in [
            r#"{"a":"\n","no_link":true}"#,
            r#"{"a\n":1,"no_link":true}"#,
            r#"{"a":"\n","n\u006f_link":true}"#,
            r#"{"a":"\n""#,
            r#"{"aaaa":1,"aa":"","no_link":true}"#,
        ] {
            assert!(LinkingState::parse(Some(text)).opted_out(), "{text}");
        }
        for text in [r#"{"a":"\n","b":{"no_link":true}}"#, r#"{"a":"\"no_link\""}"#, r#"{"no_link\n":true}"#]
        {
            assert_eq!(LinkingState::parse(Some(text)), LinkingState::default(), "{text}");
        }
    }

    /// Each key is read under the name that the host writes it by: a value of a
    /// wrong type is noticed, or the mark has its effect.
    #[test]
    fn the_keys_are_those_of_the_contract() {
        let read = |text: String| LinkingState::parse(Some(&text));
        let is_noticed = |text: String| read(text) != LinkingState::default();
        for key in super::KEYS {
            assert!(is_noticed(format!(r#"{{"{key}": {{"roles": ["x"], "opt_out": 1}}}}"#)), "{key}");
        }
        for key in ligature_linking_marks::linking::KEYS {
            assert!(is_noticed(format!(r#"{{"linking": {{"{key}": [7]}}}}"#)), "{key}");
        }
        for key in ligature_linking_marks::unlinked::KEYS {
            let mark = format!(r#"{{"from": "a|1", "at": 1, "{key}": []}}"#);
            assert!(read(format!(r#"{{"linking": {{"unlinked": [{mark}]}}}}"#)).opted_out(), "{key}");
        }
        for key in ligature_linking_marks::checked::KEYS {
            let mark = format!(r#"{{"at": 1, "for": "f", "{key}": []}}"#);
            assert!(read(format!(r#"{{"linking": {{"checked": {mark}}}}}"#)).opted_out(), "{key}");
        }
        assert!(!is_noticed(r#"{"linking": {"foreign": [7]}, "other": {"roles": ["x"]}}"#.to_owned()));
    }

    #[test]
    fn a_pair_cools_down() {
        let state =
            LinkingState::parse(Some(r#"{"linking": {"unlinked": [{"from": "auth0|1", "at": 1000}]}}"#));
        assert_eq!(state.cooling_down_from(|id| id == "auth0|1", 1, 1000 + 86_399_999), Some(PartedBy::User));
        assert_eq!(state.cooling_down_from(|id| id == "auth0|1", 1, 1000 + 86_400_000), None);
        assert_eq!(state.cooling_down_from(|id| id == "auth0|2", 1, 1000), None);
    }

    #[test]
    fn a_check_counts_for_its_days_and_not_from_the_future() {
        let state = LinkingState::parse(Some(r#"{"linking": {"checked": {"at": 1000, "for": "f"}}}"#));
        for (now, counts) in
            [(999, false), (1000, true), (1000 + 30 * DAY - 1, true), (1000 + 30 * DAY, false)]
        {
            assert_eq!(state.checked_within(30, now).is_some(), counts, "{now}");
        }
        assert_eq!(state.checked_within(30, 1000), Some("f"));
        assert_eq!(LinkingState::default().checked_within(30, 1000), None);
    }

    #[test]
    fn roles_stand_in_several_places_and_forms() {
        let of = |text| LinkingState::parse(Some(text)).roles().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(of(r#"{"roles": ["admin", {"name": "owner"}]}"#), ["admin", "name", "owner"]);
        assert_eq!(of(r#"{"roles": {"name": "admin"}}"#), ["name", "admin"]);
        assert_eq!(of(r#"{"roles": [["user, admin"], " owner "]}"#), ["user", "admin", "owner"]);
        assert_eq!(of(r#"{"authorization": {"groups": [], "roles": ["admin"]}}"#), ["admin"]);
        assert_eq!(of(r#"{"roles": "admin", "authorization": []}"#), ["admin"]);
        assert_eq!(of(r#"{"roles": {"admin": true}}"#), ["admin"]);
        assert!(of(r#"{"roles": 7}"#).is_empty() && of(r#"{"roles": null}"#).is_empty());
        assert!(!LinkingState::parse(Some(r#"{"roles": [7, null]}"#)).opted_out());
    }
}
