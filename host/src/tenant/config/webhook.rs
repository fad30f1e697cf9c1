//! Webhooks: URLs to which the tenant posts its events.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::{Host, Url};

/// The most webhooks.
const MOST: usize = 10;
/// The prefix of a secret.
///
/// Source: Standard Webhooks, "Signature scheme": a secret has 24 to 64 bytes.
const PREFIX: &str = "whsec_";

/// The types of events.
pub(in crate::tenant) const EVENT_TYPES: [&str; 5] =
    ["user.created", "user.updated", "user.deleted", "ligature.user.linked", "ligature.user.unlinked"];

/// A webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The URL: https, or http to this machine.
    pub url: String,
    /// The secret that signs the events.
    pub secret: WebhookSecret,
    /// The types of events to post; all if there are none.
    #[serde(default)]
    pub events: Vec<String>,
}

/// A secret of a webhook. It is not shown.
#[derive(Clone, Deserialize)]
pub struct WebhookSecret(String);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Webhook {
    /// Checks all webhooks. An error does not show a URL, which may hold a secret.
    pub(super) fn check_all(webhooks: &[Self]) -> Result<(), String> {
        if webhooks.len() > MOST {
            return Err(format!("webhooks: there are at most {MOST}"));
        }
        for (place, webhook) in webhooks.iter().enumerate() {
            webhook.check().map_err(|why| format!("webhook {}: {why}", place + 1))?;
            if webhooks[..place].iter().any(|earlier| earlier.url == webhook.url) {
                return Err(format!("webhook {}: an earlier one has the same url", place + 1));
            }
        }
        Ok(())
    }

    /// Checks the values of a webhook.
    fn check(&self) -> Result<(), String> {
        let url =
            Url::parse(&self.url).map_err(|_| "url: expected one such as https://example.com/events")?;
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err("url: expected https, or http to this machine".to_owned());
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.fragment().is_some()
            || self.url.len() > 2_048
        {
            return Err(
                "url: expected at most 2,048 characters, without a password and a fragment".to_owned()
            );
        }
        if !self.key().is_some_and(|key| (24..=64).contains(&key.len())) {
            return Err(format!(
                "secret: expected {PREFIX} and 24 to 64 bytes in base64; `echo {PREFIX}$(openssl rand -base64 32)` makes one"
            ));
        }
        match self.events.iter().find(|it| !EVENT_TYPES.contains(&it.as_str())) {
            Some(unknown) => {
                Err(format!("events: there is no `{unknown}`; expected some of {}", EVENT_TYPES.join(", ")))
            }
            None => Ok(()),
        }
    }

    /// Returns the bytes of the secret.
    pub(in crate::tenant) fn key(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.secret.0.strip_prefix(PREFIX)?).ok()
    }

    /// Returns whether events of this type are posted.
    pub(in crate::tenant) fn wants(&self, event_type: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|it| it == event_type)
    }
}

#[cfg(test)]
mod tests {
    use crate::tenant::config::Config;

    fn refusal(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn every_wrong_webhook_is_named_without_its_secret() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let webhook = |url: &str, secret: &str, events: &str| {
            format!("[[webhooks]]\nurl = {url:?}\nsecret = {secret:?}\nevents = {events}\n")
        };
        for url in
            ["https://example.com/a?b=c", "http://localhost:3000/", "http://127.0.0.1:1/", "http://[::1]:1/"]
        {
            let config = Config::parse(&webhook(url, good, "[\"user.created\"]")).unwrap();
            assert!(!format!("{config:?}").contains("MfKQ9r8GKYqr"), "a secret is not shown");
        }
        for url in [
            "http://example.com/",
            "http://localhost.evil.test/",
            "http://192.168.0.1/",
            "http://169.254.169.254/",
            "file:///etc/passwd",
            "ftp://localhost/",
            "https://a:b@example.com/",
            "https://example.com/#a",
            "/events",
            "",
        ] {
            let error = refusal(&webhook(url, good, "[]"));
            assert!(error.starts_with("webhook 1: url: expected"), "{url}: {error}");
        }
        for secret in ["hunter2", "whsec_hunter2", "whsec_", "whsec_aHVudGVyMg=="] {
            let error = refusal(&webhook("https://example.com/", secret, "[]"));
            assert!(error.starts_with("webhook 1: secret: expected") && !error.contains("unter2"), "{error}");
        }
        let error = refusal(&webhook("https://example.com/", good, "[\"user.create\"]"));
        assert!(error.contains("there is no `user.create`; expected some of user.created, "), "{error}");
        let one = webhook("https://example.com/?token=hunter2", good, "[]");
        let error = refusal(&[one.as_str(), &one].concat());
        assert!(error.contains("webhook 2: an earlier one") && !error.contains("hunter2"), "{error}");
        assert!(refusal(&one.repeat(11)).contains("at most 10"));
    }
}
