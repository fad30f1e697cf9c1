//! Posting the events of one URL, one after the other.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::ambient::Ambient;
use crate::model::Timestamp;
use crate::tenant::config::Webhook;
use crate::tenant::webhooks::event::Event;
use crate::tenant::webhooks::outbox::WebhookOutbox;

/// The time limit of one attempt.
const ATTEMPT: Duration = Duration::from_secs(15);
/// The wait after a first failed attempt. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// The age at which an event is given up, in milliseconds.
const GIVEN_UP_MS: u64 = 24 * 3_600 * 1_000;

/// The delivery of one webhook. Its thread ends with the process.
pub(super) struct Delivery {
    webhook: Webhook,
    outbox: Arc<WebhookOutbox>,
}

impl Delivery {
    pub(super) fn start(webhook: Webhook, outbox: Arc<WebhookOutbox>, ambient: &Ambient) -> Self {
        let posting = Posting {
            agent: new_agent(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &webhook.key().unwrap_or_default()),
            url: webhook.url.clone(),
            outbox: outbox.clone(),
            ambient: ambient.clone(),
        };
        let started = std::thread::Builder::new().name("webhook".to_owned()).spawn(move || posting.run());
        if let Err(error) = started {
            tracing::error!(%error, "events are kept and not posted: there is no thread for a webhook");
        }
        Self { webhook, outbox }
    }

    pub(super) fn wants(&self, event_type: &str) -> bool {
        self.webhook.wants(event_type)
    }

    pub(super) fn put(&self, event: &Event) {
        self.outbox.put(event);
    }
}

struct Posting {
    agent: Agent,
    key: hmac::Key,
    url: String,
    outbox: Arc<WebhookOutbox>,
    ambient: Ambient,
}

impl Posting {
    fn run(&self) {
        loop {
            let event = self.outbox.wait_for_event();
            self.deliver(&event);
            self.outbox.remove(&event);
        }
    }

    /// Posts an event until it is accepted, or given up. Later events wait, so that their order
    /// stays.
    fn deliver(&self, event: &Event) {
        let mut wait = FIRST_WAIT;
        loop {
            let why = match self.post(event) {
                Ok(()) => return,
                Err(why) => why,
            };
            if is_given_up(event.at, self.ambient.now()) {
                tracing::error!(target: "audit", event = event.id, why, "an event is lost: its webhook did not accept it for 24 hours");
                return;
            }
            tracing::warn!(
                event = event.id,
                why,
                wait_s = wait.as_secs(),
                "a webhook did not accept an event"
            );
            std::thread::sleep(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Posts an event once. The reason of a failure has neither the URL nor the secret.
    fn post(&self, event: &Event) -> Result<(), String> {
        let timestamp = self.ambient.since_epoch().as_secs();
        let request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/cloudevents+json")
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", sign(&self.key, &event.id, timestamp, &event.body));
        match request.send(event.body.as_str()) {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("status {}", response.status().as_u16())),
            Err(ureq::Error::Timeout(_)) => Err("no answer in time".to_owned()),
            Err(ureq::Error::Io(error)) => Err(error.kind().to_string()),
            Err(ureq::Error::HostNotFound) => Err("the host is not known".to_owned()),
            Err(_) => Err("the request failed".to_owned()),
        }
    }
}

/// Returns whether an event is too old to be posted again.
fn is_given_up(made_at: Timestamp, now: Timestamp) -> bool {
    now.as_millis().saturating_sub(made_at.as_millis()) >= GIVEN_UP_MS
}

/// Signs an event.
///
/// Source: Standard Webhooks, "Signature scheme".
fn sign(key: &hmac::Key, id: &str, timestamp: u64, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

/// Returns a client that follows no redirect, which could lead to another machine, and uses no
/// proxy.
fn new_agent() -> Agent {
    let roots = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build();
    Agent::config_builder()
        .max_redirects(0)
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(ATTEMPT))
        .tls_config(tls)
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use crate::model::Timestamp;
    use crate::tenant::webhooks::delivery::{is_given_up, sign};

    #[test]
    fn an_event_is_given_up_after_24_hours() {
        let at = |ms: u64| Timestamp::from_millis(1_000 + ms).unwrap();
        assert!(!is_given_up(at(0), at(24 * 3_600_000 - 1)));
        assert!(is_given_up(at(0), at(24 * 3_600_000)));
        assert!(!is_given_up(at(1), at(0)), "the clock may go back");
    }

    /// Source: Standard Webhooks, the example of the reference implementations.
    #[test]
    fn a_signature_is_the_one_of_standard_webhooks() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
