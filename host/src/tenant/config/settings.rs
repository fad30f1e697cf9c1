//! Costs, limits and lifetimes.

use std::num::NonZeroU32;

use serde::Deserialize;

/// Parameters of Argon2id. The defaults are OWASP's.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordHash {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordHash {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, lanes: 1 }
    }
}

/// Token buckets; none where nothing is limited.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// The limit of the Management API.
    pub management: Option<RateLimit>,
    /// The limit of the Authentication API.
    pub authentication: Option<RateLimit>,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests a second that fill it again.
    pub per_second: NonZeroU32,
    /// Requests that it holds.
    pub burst: NonZeroU32,
}

/// Lifetimes, in seconds. The defaults are Auth0's.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// An access token.
    pub access_token: u64,
    /// One of the Management API's, of a client's own.
    pub management_token: u64,
    /// One of the Management API's, of a user.
    pub user_management_token: u64,
    /// An ID token.
    pub id_token: u64,
    /// An authorization code, a login ticket, a login page.
    pub code: u64,
    /// A one-time password, and the links that are mailed.
    pub mailed_code: u64,
    /// A session in a browser.
    pub session: u64,
    /// A refresh token, renewed at each exchange.
    pub refresh_token: u64,
}

impl Lifetimes {
    /// Each with its name.
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
