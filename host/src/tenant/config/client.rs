//! Applications (OAuth clients).

use std::sync::LazyLock;

use serde::Deserialize;

use crate::model::Metadata;
use crate::tenant::config::scopes::is_management_scope;

/// An application: an OAuth client of the tenant.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The client ID.
    pub client_id: String,
    /// The display name.
    #[serde(default)]
    pub name: String,
    /// The client secret. A public client has none.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// The URLs that a login may redirect to, compared byte for byte.
    #[serde(default)]
    pub callbacks: Vec<String>,
    /// The URLs that a logout may redirect to, compared byte for byte.
    #[serde(default)]
    pub logout_urls: Vec<String>,
    /// The origins of the application's pages.
    #[serde(default)]
    pub origins: Vec<String>,
    /// The grant types that the application may use.
    #[serde(default = "default_grants")]
    pub grant_types: Vec<String>,
    /// The Management API scopes granted to the application itself.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Metadata that the plugin can read.
    #[serde(default)]
    pub metadata: Metadata,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// The client ID of the page on which users see and change their ways to log in.
pub(in crate::tenant) const ACCOUNT_CLIENT: &str = "ligature-account";

fn default_grants() -> Vec<String> {
    ["authorization_code", "implicit", "refresh_token"].map(str::to_owned).into()
}

/// The grant types that a client may be given.
pub(in crate::tenant) const GRANTS: [&str; 7] = [
    "authorization_code",
    "implicit",
    "refresh_token",
    "client_credentials",
    "password",
    "http://auth0.com/oauth/grant-type/password-realm",
    "http://auth0.com/oauth/grant-type/passwordless/otp",
];

impl Client {
    /// Checks the values of the client; the error says which is wrong and what is expected.
    pub(super) fn check(&self) -> Result<(), String> {
        for callback in self.callbacks.iter().chain(&self.logout_urls) {
            match url::Url::parse(callback) {
                Ok(url) if url.fragment().is_none() && !url.cannot_be_a_base() => {}
                _ => return Err(format!("`{callback}` is not an absolute URL without a fragment")),
            }
        }
        for origin in &self.origins {
            let is_origin =
                url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !is_origin {
                return Err(format!("`{origin}` is not an origin such as http://localhost:3000"));
            }
        }
        if let Some(grant) = self.grant_types.iter().find(|grant| !GRANTS.contains(&grant.as_str())) {
            return Err(format!("there is no grant type `{grant}`; there are {}", GRANTS.join(", ")));
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_management_scope(scope)) {
            let why = "Auth0's Management API has no such scope; they are written as in `read:users`";
            return Err(format!("`{scope}`: {why}"));
        }
        if self.client_secret.as_ref().is_some_and(|secret| secret.len() < 16) {
            return Err("a client_secret has 16 characters at least".to_owned());
        }
        if self.client_secret.is_none() && self.allows_grant("client_credentials") {
            return Err("a client without a client_secret cannot use client_credentials".to_owned());
        }
        Ok(())
    }

    /// Returns the client of the page `/account`. It has no callback, no secret and no grant, so that
    /// no token is ever issued to it.
    pub(super) fn account_page() -> &'static Self {
        static PAGE: LazyLock<Client> = LazyLock::new(|| Client {
            client_id: ACCOUNT_CLIENT.to_owned(),
            name: "your account".to_owned(),
            client_secret: None,
            callbacks: Vec::new(),
            logout_urls: Vec::new(),
            origins: Vec::new(),
            grant_types: Vec::new(),
            scopes: Vec::new(),
            metadata: Metadata::new(),
        });
        &PAGE
    }

    /// Returns the name shown on pages.
    pub(in crate::tenant) fn label(&self) -> &str {
        if self.name.is_empty() { &self.client_id } else { &self.name }
    }

    /// Returns whether users log in to this application in a browser.
    pub(in crate::tenant) fn is_for_browsers(&self) -> bool {
        !self.callbacks.is_empty()
            && (self.allows_grant("authorization_code") || self.allows_grant("implicit"))
    }

    /// Returns whether the application may use a grant type.
    pub(in crate::tenant) fn allows_grant(&self, grant: &str) -> bool {
        self.grant_types.iter().any(|it| it == grant)
    }
}
