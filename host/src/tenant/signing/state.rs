//! The state that signing and verifying need.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::tenant::config::Lifetimes;
use crate::tenant::signing::issuer::Hosts;
use crate::tenant::signing::keys::Keys;
use crate::tenant::signing::tokens::IdToken;
use crate::tenant::signing::verification::{Claims, TokenError, Verifier};

/// The tenant's names and keys, and the tokens that it signs and verifies.
pub(crate) struct Signing {
    pub(crate) hosts: Hosts,
    pub(crate) keys: Keys,
    verifier: Verifier,
    /// The lifetime of an ID token, in seconds.
    id_token_s: u64,
    ambient: Ambient,
}

impl Signing {
    pub(crate) fn new(hosts: Hosts, keys: Keys, lifetimes: &Lifetimes, ambient: &Ambient) -> Self {
        let (verifier, id_token_s) = (Verifier::new(ambient), lifetimes.id_token);
        Self { hosts, keys, verifier, id_token_s, ambient: ambient.clone() }
    }

    /// Returns the claims of a token that this tenant has signed and that is valid now. The caller
    /// must check the audience.
    pub(crate) fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        self.verifier.verify(token, &self.keys, &self.hosts)
    }

    /// Signs an ID token.
    pub(crate) fn sign_id_token(&self, token: &IdToken<'_>) -> String {
        self.keys.sign(&token.claims(self.id_token_s, &self.ambient))
    }
}
