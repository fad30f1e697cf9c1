//! The endpoints and public keys of the tenant, or of another issuer, read when they are needed, and kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde_json::Value;

use super::OidcError;
use super::issuer::Issuer;
use crate::ambient::Ambient;
use crate::auth0::{TenantHttp, TimeLimit};
use crate::clock::Monotonic;

/// The time in which keys are not read again because a token names an unknown one.
const KEYS_PAUSE: Duration = Duration::from_secs(60);

/// The most bytes of a URL of the discovery document.
const LONGEST_URL: usize = 512;

/// The endpoints of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Endpoints {
    issuer: String,
    #[serde(rename = "authorization_endpoint")]
    pub(super) authorization: String,
    #[serde(rename = "token_endpoint")]
    pub(super) token: String,
    #[serde(rename = "jwks_uri")]
    keys: String,
    /// The ways in which the application may send its secret.
    #[serde(default, rename = "token_endpoint_auth_methods_supported")]
    pub(super) secret_methods: Vec<Value>,
}

/// The documents of one tenant.
#[derive(Debug)]
pub(super) struct TenantDocuments {
    issuer: Issuer,
    ambient: Ambient,
    endpoints: Mutex<Option<Arc<Endpoints>>>,
    keys: Mutex<Option<(Arc<JwkSet>, Monotonic)>>,
}

impl TenantDocuments {
    pub(super) fn new(issuer: Issuer, ambient: &Ambient) -> Self {
        Self { issuer, ambient: ambient.clone(), endpoints: Mutex::default(), keys: Mutex::default() }
    }

    pub(super) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Returns the tenant's endpoints.
    pub(super) fn endpoints(&self, http: &TenantHttp, limit: TimeLimit) -> Result<Arc<Endpoints>, OidcError> {
        let known = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let body = http.get(&self.issuer.discovery_url(), limit)?;
        let endpoints = Arc::new(read_endpoints(&body, &self.issuer)?);
        *self.endpoints.lock().unwrap_or_else(PoisonError::into_inner) = Some(endpoints.clone());
        Ok(endpoints)
    }

    /// Returns the tenant's keys, read again if none of them has this id, but not at once
    /// again.
    pub(super) fn keys(
        &self,
        http: &TenantHttp,
        key_id: &str,
        limit: TimeLimit,
    ) -> Result<Arc<JwkSet>, OidcError> {
        let known = self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((keys, read_at)) = known
            && (keys.find(key_id).is_some() || self.ambient.elapsed(read_at) < KEYS_PAUSE)
        {
            return Ok(keys);
        }
        let endpoints = self.endpoints(http, limit)?;
        let body = http.get(&endpoints.keys, limit)?;
        // One key of an unknown kind must not hide the others, so that the set is read key by key.
        let keys = Arc::new(read_keys(&body)?);
        let read_at = self.ambient.monotonic();
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some((keys.clone(), read_at));
        Ok(keys)
    }
}

/// Reads a discovery document. All endpoints of a tenant must be on its own origin, to which the
/// connection is verified.
fn read_endpoints(body: &[u8], issuer: &Issuer) -> Result<Endpoints, OidcError> {
    let refuse = |why: &str| OidcError::Discovery(why.to_owned());
    let endpoints: Endpoints = serde_json::from_slice(body).map_err(|error| {
        OidcError::Discovery(format!(
            "it is not the JSON of OpenID Connect Discovery, at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    if endpoints.issuer != issuer.name {
        return Err(refuse(
            "its issuer is another one than the configured one; name the one at which users log in",
        ));
    }
    for url in [&endpoints.authorization, &endpoints.token, &endpoints.keys] {
        if !issuer.accepts_endpoint(url) || url.len() > LONGEST_URL {
            return Err(refuse("an endpoint is on another host than the issuer"));
        }
    }
    Ok(endpoints)
}

fn read_keys(body: &[u8]) -> Result<JwkSet, OidcError> {
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<serde_json::Value>,
    }
    let read: Keys =
        serde_json::from_slice(body).map_err(|_| OidcError::Keys("they are not a set of keys".to_owned()))?;
    let keys = read.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
    Ok(JwkSet { keys })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{read_endpoints, read_keys};
    use crate::oidc::issuer::Issuer;

    #[test]
    fn endpoints_are_on_the_tenants_own_origin() {
        let issuer = Issuer::of_tenant(&"auth0://login.example.com".parse().unwrap()).unwrap();
        let document = |key: &str, value: &str| {
            let mut document = json!({
                "issuer": "https://login.example.com/",
                "authorization_endpoint": "https://login.example.com/authorize",
                "token_endpoint": "https://login.example.com/oauth/token",
                "jwks_uri": "https://login.example.com/.well-known/jwks.json",
            });
            document[key] = value.into();
            read_endpoints(document.to_string().as_bytes(), &issuer).map_err(|error| error.to_string())
        };
        assert!(document("x", "y").is_ok());
        assert!(document("issuer", "https://acme.eu.auth0.com/").unwrap_err().contains("another one"));
        for key in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for url in [
                "https://evil.example/x",
                "http://login.example.com/x",
                "/x",
                "https://login.example.com:444/",
            ] {
                assert!(document(key, url).unwrap_err().contains("another host"), "{key} {url}");
            }
        }
        assert!(read_endpoints(b"<html>", &issuer).unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn a_key_of_an_unknown_kind_hides_no_other() {
        let keys = json!({ "keys": [
            { "kty": "X", "kid": "a" }, { "kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB" },
        ] });
        assert!(read_keys(keys.to_string().as_bytes()).unwrap().find("b").is_some());
        assert!(read_keys(b"[]").is_err());
    }
}
