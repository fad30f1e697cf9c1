//! The question whether another account is the user's too, and the user's answer.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ligature_linking_marks::{LINKING, linking};
use serde::{Deserialize, Serialize};

use crate::model::{LoginEvent, Proof, Step, User};
use crate::policies::LoadedPolicy;

/// A question to the user of one login. It is bound to the login: to its user, address,
/// browser and prompt, and to the policy that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    /// The id of the user who has logged in.
    pub(super) current: String,
    /// The address of the same user.
    pub(super) email: Option<String>,
    /// The name of the same user.
    pub(super) name: Option<String>,
    /// The connection of the login.
    pub(super) connection: String,
    /// The accounts in question, by the digests of their ids.
    pub(super) candidates: Vec<Digest>,
    pub(super) step: Step,
    /// Whether the tenant is asked for a second factor.
    #[serde(default)]
    pub(super) second_factor: bool,
    /// The policy that asks, with its plugin and its document.
    pub(super) policy: Digest,
    /// The number of the prompt. A later prompt of the same user makes this one obsolete.
    pub(super) prompt: u64,
    pub(super) browser: BrowserTraits,
    /// The end of the question, in seconds since 1970.
    pub(super) expires: u64,
}

impl Question {
    /// Returns whether the question has ended. `now` is the time in seconds since 1970.
    pub(super) fn has_expired(&self, now: u64) -> bool {
        now >= self.expires
    }
}

/// The answer of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SealedAnswer {
    pub(super) question: Question,
    /// The proof of the other account; none if the user declined.
    pub(super) proof: Option<Proof>,
    /// The end of the answer, in seconds since 1970.
    pub(super) expires: u64,
}

/// The traits of a browser that the tenant reports in `event.request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BrowserTraits {
    ip: Option<String>,
    pub(super) user_agent: Option<Digest>,
}

/// The first half of a SHA-256, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest(String);

impl Digest {
    pub(super) fn of_text(text: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        Self(URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]))
    }

    /// The digest of a policy: of its name, its plugin and its document.
    pub(super) fn of_policy(policy: &LoadedPolicy) -> Self {
        Self::of_text(&format!("{}\n{}\n{}", policy.name, policy.plugin.sha256(), policy.settings.sha256()))
    }
}

impl BrowserTraits {
    pub(super) fn of_event(event: &LoginEvent) -> Self {
        let text = |key: &str| event.rest.get("request").and_then(|it| it.get(key)?.as_str());
        // Absent where the page's own header is: without a text, or without one in ASCII.
        let is_readable =
            |text: &&str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        let user_agent = text("user_agent").filter(is_readable).map(Digest::of_text);
        Self { ip: text("ip").map(str::to_owned), user_agent }
    }
}

/// Returns the number of prompts that a user has had.
pub(super) fn count_prompts(user: &User) -> u64 {
    let marks = user.app_metadata.as_ref().and_then(|it| it.get(LINKING));
    marks.and_then(|it| it.get(linking::PROMPTS)?.as_u64()).unwrap_or_default()
}

/// The reason why an answer does not count for a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerFault {
    #[error("this service asks no user, because the confirmation is not configured (--confirm-url)")]
    NotConfigured,
    #[error("there is none: the user came back without one, or it was not the tenant's transaction")]
    Missing,
    #[error("it is not an answer of this service")]
    Altered,
    #[error("it has expired")]
    Expired,
    #[error("it belongs to another user's login")]
    OtherUser,
    #[error("the address of the user has changed since")]
    OtherAddress,
    #[error("it comes from another browser or network address than the login")]
    OtherBrowser,
    #[error("the user was asked again since")]
    OtherPrompt,
    #[error("the policy has changed since")]
    OtherPolicy,
}

impl SealedAnswer {
    /// Checks that the answer belongs to this login. `user` is the user as the directory has
    /// it now, and `now` the time in seconds since 1970.
    pub(super) fn check(&self, event: &LoginEvent, user: &User, now: u64) -> Result<(), AnswerFault> {
        let Question { current, email, prompt, browser, .. } = &self.question;
        if now >= self.expires {
            return Err(AnswerFault::Expired);
        }
        if *current != event.user.user_id || *current != user.user_id {
            return Err(AnswerFault::OtherUser);
        }
        if !is_same_address(email, &event.user.email) || !is_same_address(email, &user.email) {
            return Err(AnswerFault::OtherAddress);
        }
        if *browser != BrowserTraits::of_event(event) {
            return Err(AnswerFault::OtherBrowser);
        }
        if *prompt != count_prompts(user) {
            return Err(AnswerFault::OtherPrompt);
        }
        Ok(())
    }
}

/// Directories may store the address in lower case.
fn is_same_address(one: &Option<String>, other: &Option<String>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{AnswerFault, BrowserTraits, Digest, Question, SealedAnswer, count_prompts};
    use crate::model::{LoginEvent, Step, User};

    fn event(changes: impl FnOnce(&mut Value)) -> LoginEvent {
        let mut event = json!({
            "user": {
                "user_id": "google-oauth2|1", "email": "ada@example.com", "email_verified": true,
                "app_metadata": { "linking": { "prompts": 1 } },
            },
            "connection": { "name": "google-oauth2", "strategy": "google-oauth2" },
            "request": { "ip": "192.0.2.1", "user_agent": "Firefox" },
        });
        changes(&mut event);
        serde_json::from_value(event).unwrap()
    }

    fn question() -> Question {
        let asked = event(|_| {});
        Question {
            current: asked.user.user_id.clone(),
            email: asked.user.email.clone(),
            name: None,
            connection: asked.connection.name.clone(),
            candidates: vec![Digest::of_text("auth0|1")],
            step: Step::ReauthenticateCandidate,
            second_factor: false,
            policy: Digest::of_text("policy"),
            prompt: count_prompts(&asked.user),
            browser: BrowserTraits::of_event(&asked),
            expires: 900,
        }
    }

    fn check(event: &LoginEvent, user: &User, now: u64) -> Result<(), AnswerFault> {
        SealedAnswer { question: question(), proof: None, expires: 120 }.check(event, user, now)
    }

    #[test]
    fn a_question_ends_at_its_last_second() {
        assert!(!question().has_expired(899));
        assert!(question().has_expired(900));
    }

    #[test]
    fn an_answer_belongs_to_the_login_that_asked() {
        let event = event(|_| {});
        assert_eq!(check(&event, &event.user, 119), Ok(()));
        assert_eq!(check(&event, &event.user, 120), Err(AnswerFault::Expired));
    }

    #[test]
    fn a_user_agent_that_the_page_cannot_read_is_none() {
        for unreadable in ["", "Firefox ü"] {
            let event = event(|event| event["request"]["user_agent"] = json!(unreadable));
            assert_eq!(BrowserTraits::of_event(&event).user_agent, None, "{unreadable}");
        }
    }

    #[test]
    fn the_answer_of_another_login_does_not_count() {
        let cases = [
            ("/user/user_id", json!("google-oauth2|2"), AnswerFault::OtherUser),
            ("/user/email", json!("other@example.com"), AnswerFault::OtherAddress),
            ("/request/ip", json!("192.0.2.2"), AnswerFault::OtherBrowser),
            ("/request/user_agent", json!("Chrome"), AnswerFault::OtherBrowser),
            ("/request", json!({}), AnswerFault::OtherBrowser),
            ("/user/app_metadata/linking/prompts", json!(2), AnswerFault::OtherPrompt),
        ];
        for (place, value, fault) in cases {
            let other = event(|event| *event.pointer_mut(place).unwrap() = value);
            assert_eq!(check(&other, &other.user, 0), Err(fault), "{place}");
        }
        // The directory decides, whatever the event says.
        let (same, other) = (event(|_| {}), event(|event| event["user"]["email"] = json!("b@example.com")));
        assert_eq!(check(&same, &other.user, 0), Err(AnswerFault::OtherAddress));
    }
}
