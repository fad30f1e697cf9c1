//! The issuer at which users log in: a tenant of Auth0, or another provider of OpenID Connect.

use serde_json::Value;
use url::{Host, Url};

use crate::auth0::{SetupError, TenantAddress};

/// An issuer, and the demands on a login there.
#[derive(Debug, Clone)]
pub(super) struct Issuer {
    /// The name in documents and tokens, which is compared as text.
    pub(super) name: String,
    pub(super) url: Url,
    /// The host that is asked first.
    pub(super) host: TenantAddress,
    pub(super) demands: Demands,
}

/// The demands on a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demands {
    /// A new login at a tenant, all of whose endpoints are on its own origin.
    ProofAtTenant,
    /// Any login, also by a session at the issuer.
    Login,
}

impl Issuer {
    /// A tenant, at which users prove an account by a new login.
    pub(super) fn of_tenant(tenant: &TenantAddress) -> Result<Self, SetupError> {
        let url = tenant.issuer()?;
        let demands = Demands::ProofAtTenant;
        Ok(Self { name: url.as_str().to_owned(), url, host: tenant.clone(), demands })
    }

    /// An issuer that is named by its URL, as its tokens name it.
    ///
    /// Source: OpenID Connect Discovery 1.0, 2: https, without query and fragment.
    pub(super) fn from_url(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "it is not a URL")?;
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err("it names no host"),
        };
        match (url.scheme(), is_loopback) {
            ("https", false) | ("http", true) => {}
            ("https", true) => return Err("an issuer on this machine is asked by http"),
            _ => return Err("it is not https"),
        }
        let has_more = url.query().is_some() || url.fragment().is_some();
        if has_more || !url.username().is_empty() || url.password().is_some() {
            return Err("it contains more than a host, a port and a path");
        }
        let authority = url.authority();
        let host = format!("auth0://{authority}").parse().map_err(|_| "its host cannot be asked")?;
        Ok(Self { name: text.to_owned(), url, host, demands: Demands::Login })
    }

    /// Returns the URL of the discovery document.
    ///
    /// Source: OpenID Connect Discovery 1.0, 4.1: a slash at the end is removed first.
    pub(super) fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.name.trim_end_matches('/'))
    }

    /// Returns whether a URL of the discovery document may be used. The connection to the issuer was
    /// verified; an issuer may name other hosts, over https.
    pub(super) fn accepts_endpoint(&self, endpoint: &str) -> bool {
        let Ok(endpoint) = Url::parse(endpoint) else { return false };
        match self.demands {
            Demands::Login if self.url.scheme() == "https" => endpoint.scheme() == "https",
            Demands::Login | Demands::ProofAtTenant => endpoint.origin() == self.url.origin(),
        }
    }

    /// Returns whether the application sends its secret in the body, and not in a header.
    ///
    /// Source: Auth0, the default of regular web applications; OpenID Connect Discovery 1.0, 3: the
    /// header is the default.
    pub(super) fn takes_secret_in_body(&self, methods: &[Value]) -> bool {
        self.demands == Demands::ProofAtTenant || methods.iter().any(|it| it == "client_secret_post")
    }
}

#[cfg(test)]
mod tests {
    use super::Issuer;

    #[test]
    fn an_issuer_is_a_url_over_https() {
        for (issuer, discovery) in [
            ("https://accounts.google.com", "https://accounts.google.com/.well-known/openid-configuration"),
            ("https://acme.eu.auth0.com/", "https://acme.eu.auth0.com/.well-known/openid-configuration"),
            ("https://login.test/t/v2.0", "https://login.test/t/v2.0/.well-known/openid-configuration"),
            ("http://localhost:4480/", "http://localhost:4480/.well-known/openid-configuration"),
        ] {
            let parsed = Issuer::from_url(issuer).unwrap();
            assert_eq!((parsed.name.as_str(), parsed.discovery_url().as_str()), (issuer, discovery));
        }
        for (issuer, why) in [
            ("accounts.google.com", "not a URL"),
            ("http://accounts.google.com", "not https"),
            ("https://localhost:4481/", "by http"),
            ("ftp://accounts.google.com", "not https"),
            ("data:x", "no host"),
            ("https://login.test/?a", "more than"),
            ("https://login.test/#a", "more than"),
            ("https://ada:s3cret@login.test/", "more than"),
        ] {
            assert!(Issuer::from_url(issuer).unwrap_err().contains(why), "{issuer}");
        }
    }

    #[test]
    fn an_issuer_may_name_other_hosts_over_https() {
        let google = Issuer::from_url("https://accounts.google.com").unwrap();
        assert!(google.accepts_endpoint("https://oauth2.googleapis.com/token"));
        assert!(!google.accepts_endpoint("http://oauth2.googleapis.com/token"));
        assert!(!google.accepts_endpoint("/token"));
        let local = Issuer::from_url("http://localhost:4480/").unwrap();
        assert!(local.accepts_endpoint("http://localhost:4480/oauth/token"));
        for other in ["http://localhost:4481/oauth/token", "http://evil.test/", "https://evil.test/"] {
            assert!(!local.accepts_endpoint(other), "{other}");
        }
    }
}
