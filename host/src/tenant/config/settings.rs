//! Costs, limits and lifetimes.

use std::num::NonZeroU32;

use serde::Deserialize;

/// The parameters of Argon2id. The defaults are OWASP's.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordHash {
    /// The memory, in KiB.
    pub memory_kib: u32,
    /// The number of passes over the memory.
    pub iterations: u32,
    /// The number of lanes (degree of parallelism).
    pub lanes: u32,
}

impl Default for PasswordHash {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, lanes: 1 }
    }
}

/// The operators' console.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleSwitch {
    /// Whether /console is served.
    pub enabled: bool,
}

/// The rate limits of the APIs, where `None` means unlimited, and of messages.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// The limit of the Management API.
    pub management: Option<RateLimit>,
    /// The limit of the Authentication API.
    pub authentication: Option<RateLimit>,
    /// Whether there is a limit to the messages that anybody can have sent: codes, links, and mails
    /// that verify an address.
    pub messages: bool,
    /// The most requests whose work runs, or waits for a thread. The blocking pool has 512 threads;
    /// further requests wait for as long as those take.
    pub requests_at_once: NonZeroU32,
}

impl Default for RateLimits {
    fn default() -> Self {
        const REQUESTS_AT_ONCE: NonZeroU32 = NonZeroU32::new(1_024).unwrap();
        Self { management: None, authentication: None, messages: true, requests_at_once: REQUESTS_AT_ONCE }
    }
}

/// A rate limit, as a token bucket.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// The number of requests by which the bucket is refilled each second.
    pub per_second: NonZeroU32,
    /// The capacity of the bucket, in requests.
    pub burst: NonZeroU32,
}

/// Lifetimes, in seconds. The defaults are Auth0's.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// The lifetime of an access token.
    pub access_token: u64,
    /// The lifetime of a client's Management API token.
    pub management_token: u64,
    /// The lifetime of a user's Management API token.
    pub user_management_token: u64,
    /// The lifetime of an ID token.
    pub id_token: u64,
    /// The lifetime of an authorization code, a login ticket or a login page.
    pub code: u64,
    /// The lifetime of a one-time password and of mailed links.
    pub mailed_code: u64,
    /// The lifetime of a browser session.
    pub session: u64,
    /// The lifetime of a refresh token, renewed at each exchange.
    pub refresh_token: u64,
}

impl Lifetimes {
    /// Returns all lifetimes with their names.
    pub(in crate::tenant) fn all(&self) -> [(&'static str, u64); 8] {
        [
            ("access_token", self.access_token),
            ("management_token", self.management_token),
            ("user_management_token", self.user_management_token),
            ("id_token", self.id_token),
            ("code", self.code),
            ("mailed_code", self.mailed_code),
            ("session", self.session),
            ("refresh_token", self.refresh_token),
        ]
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token: 86_400,
            management_token: 86_400,
            user_management_token: 7_200,
            id_token: 36_000,
            code: 600,
            mailed_code: 300,
            session: 259_200,
            refresh_token: 2_592_000,
        }
    }
}
