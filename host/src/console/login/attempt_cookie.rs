//! The login that a browser has begun. The browser keeps it, signed, so that strangers who begin logins
//! use no memory.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::oidc::LoginAttempt;

/// The time in which a login has to end, in seconds.
pub(super) const ATTEMPT_LIFE: u64 = 600;

/// A login that was begun.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptAttempt {
    pub(super) attempt: LoginAttempt,
    /// The page to which the login leads.
    pub(super) to: String,
    /// The time of its end, in seconds since 1970.
    pub(super) expires: u64,
}

impl KeptAttempt {
    /// Returns the value of the cookie.
    pub(super) fn sign(&self, key: &hmac::Key) -> Option<String> {
        let text = serde_json::to_vec(self).ok()?;
        let tag = hmac::sign(key, &text);
        Some(format!("{}.{}", URL_SAFE_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(tag)))
    }

    /// Reads the value of a cookie that this process has signed, if the login has not expired.
    pub(super) fn verify(value: &str, key: &hmac::Key, now: u64) -> Option<Self> {
        let (text, tag) = value.split_once('.')?;
        let text = URL_SAFE_NO_PAD.decode(text).ok()?;
        hmac::verify(key, &text, &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        let kept: Self = serde_json::from_slice(&text).ok()?;
        (now < kept.expires).then_some(kept)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use serde_json::json;

    use super::KeptAttempt;

    #[test]
    fn an_attempt_is_accepted_as_it_was_signed_and_until_it_expires() {
        let attempt = json!({ "state": "s", "nonce": "n", "code_verifier": "v", "sent_at": 10 });
        let attempt = serde_json::from_value(attempt).unwrap();
        let kept = KeptAttempt { attempt, to: "/console".to_owned(), expires: 100 };
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key");
        let value = kept.sign(&key).unwrap();
        assert_eq!(KeptAttempt::verify(&value, &key, 99), Some(kept));
        assert_eq!(KeptAttempt::verify(&value, &key, 100), None);
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"another");
        assert_eq!(KeptAttempt::verify(&value, &other, 99), None);
        for altered in ["", ".", "x", &value[1..], &format!("A{value}"), value.split_once('.').unwrap().0] {
            assert_eq!(KeptAttempt::verify(altered, &key, 99), None, "{altered}");
        }
    }
}
