//! Webhooks: URLs to which the tenant posts its events.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::{Host, Url};

/// The most webhooks.
pub(super) const MOST: usize = 10;
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
    /// Checks the values of a webhook.
    pub(super) fn check(&self) -> Result<(), String> {
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
