//! What a policy knows of an account beyond Auth0's own fields: marks in its
//! `app_metadata`.
//!
//! ```json
//! {
//!   "no_link": true,
//!   "privileged": true,
//!   "linking": {
//!     "opt_out": true,
//!     "deleted": true,
//!     "managed_by": "scim",
//!     "verified_email": "ada@example.com",
//!     "pending_email": "new@example.com",
//!     "unlinked": [{ "from": "auth0|1", "at": 1763719200000 }],
//!     "prompts": 2,
//!     "last_prompted_at": 1763719200000
//!   }
//! }
//! ```
//!
//! The host writes `unlinked`, `prompts` and `last_prompted_at`; the others are
//! the tenant's. Times are milliseconds since 1970-01-01T00:00:00Z.

use serde::Deserialize;

use crate::bindings::Timestamp;

/// The marks of one account. What is not there, or of the wrong type, is as if
/// it were not marked, but for the marks that forbid: of the wrong type, they
/// forbid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct LinkingState {
    no_link: Mark,
    privileged: Mark,
    linking: Linking,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
struct Linking {
    opt_out: Mark,
    deleted: Mark,
    managed_by: Option<String>,
    verified_email: Option<String>,
    pending_email: Option<String>,
    unlinked: Vec<Unlinked>,
    prompts: u32,
    last_prompted_at: Timestamp,
}

/// A pair that was unlinked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Unlinked {
    from: String,
    at: Timestamp,
}

/// A mark that forbids: set by anything but `false` and `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Mark(bool);

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let held = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(!matches!(held.get(), "false" | "null")))
    }
}

/// Most accounts have no marks, and then nothing has to be parsed. A key can
/// only hide behind an escape.
fn may_hold_marks(text: &str) -> bool {
    let bytes = text.as_bytes();
    let begins_key = |at: usize| {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        [&b"linking\""[..], b"no_link\"", b"privileged\""].iter().any(|key| rest.starts_with(key))
    };
    bytes.iter().enumerate().any(|(at, &byte)| byte == b'\\' || (byte == b'"' && begins_key(at)))
}

impl LinkingState {
    /// Reads an account's `app_metadata`, a JSON object. One that cannot be understood opts
    /// out: what it meant to forbid is not known.
    #[must_use]
    pub fn read(app_metadata: Option<&str>) -> Self {
        let Some(text) = app_metadata.filter(|text| may_hold_marks(text)) else { return Self::default() };
        serde_json::from_str(text).unwrap_or_else(|_| Self { no_link: Mark(true), ..Self::default() })
    }

    /// The account is not to be linked.
    #[must_use]
    pub fn opted_out(&self) -> bool {
        self.no_link.0 || self.linking.opt_out.0
    }

    /// The account has power.
    #[must_use]
    pub fn privileged(&self) -> bool {
        self.privileged.0
    }

    /// The account is deleted, or is being deleted.
    #[must_use]
    pub fn deleted(&self) -> bool {
        self.linking.deleted.0
    }

    /// A directory manages the account.
    #[must_use]
    pub fn managed(&self) -> bool {
        self.linking.managed_by.is_some()
    }

    /// The address was verified as another one than it is now.
    #[must_use]
    pub fn verification_is_stale(&self, email: &str) -> bool {
        self.linking.verified_email.as_deref().is_some_and(|verified| !verified.eq_ignore_ascii_case(email))
    }

    /// A change of the address is waiting.
    #[must_use]
    pub fn email_change_is_pending(&self) -> bool {
        self.linking.pending_email.is_some()
    }

    /// The account was unlinked from that user less than so long ago.
    #[must_use]
    pub fn cooling_down_from(&self, user_id: &str, days: u32, now: Timestamp) -> bool {
        let cooldown = u64::from(days) * 86_400_000;
        self.linking.unlinked.iter().any(|it| it.from == user_id && now.saturating_sub(it.at) < cooldown)
    }

    /// How often the user has been asked.
    #[must_use]
    pub fn prompts(&self) -> u32 {
        self.linking.prompts
    }

    /// The user was asked less than so many days ago.
    #[must_use]
    pub fn asked_within(&self, days: u32, now: Timestamp) -> bool {
        let at = self.linking.last_prompted_at;
        at != 0 && now.saturating_sub(at) < u64::from(days) * 86_400_000
    }
}

#[cfg(test)]
mod tests {
    use super::LinkingState;

    #[test]
    fn marks_that_forbid_forbid_whatever_their_type() {
        for text in [
            r#"{"no_link": true}"#,
            r#"{"no_link": "yes"}"#,
            r#"{"linking": {"opt_out": 1}}"#,
            r#"{"linking": 7}"#,
            r#"{"no\u005flink": true}"#,
        ] {
            assert!(LinkingState::read(Some(text)).opted_out(), "{text}");
        }
        for text in [r#"{"no_link": false}"#, r#"{"linking": {"opt_out": null}}"#, r#"{"plan": "pro"}"#] {
            assert!(!LinkingState::read(Some(text)).opted_out(), "{text}");
        }
    }

    #[test]
    fn a_pair_cools_down() {
        let state =
            LinkingState::read(Some(r#"{"linking": {"unlinked": [{"from": "auth0|1", "at": 1000}]}}"#));
        assert!(state.cooling_down_from("auth0|1", 1, 1000 + 86_399_999));
        assert!(!state.cooling_down_from("auth0|1", 1, 1000 + 86_400_000));
        assert!(!state.cooling_down_from("auth0|2", 1, 1000));
    }
}
