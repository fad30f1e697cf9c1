//! The address of a tenant.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::SetupError;

const SCHEME: &str = "auth0://";

/// The address of a tenant: `auth0://DOMAIN[:PORT][?custom_domain=DOMAIN&…]`. Requests
/// use https; http only if the host is this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantAddress {
    /// The origin without a slash at the end.
    origin: String,
    /// The host, with its port if that is not the default one.
    domain: String,
    is_loopback: bool,
    custom_domains: Vec<String>,
}

impl TenantAddress {
    /// Returns the domain, with the port if it is not the default one.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the id of the tenant as a directory, whatever custom domains the address names.
    #[must_use]
    pub fn directory_id(&self) -> String {
        format!("{SCHEME}{}", self.domain)
    }

    /// Returns the first custom domain, at which users log in. Requests use the canonical domain,
    /// because the audience of the Management API is in the canonical one.
    ///
    /// Source: Auth0, "Custom Domains", section on the Management API.
    #[must_use]
    pub fn custom_domain(&self) -> Option<&str> {
        self.custom_domains.first().map(String::as_str)
    }

    /// Returns the hosts at which users log in, the canonical one first. Empty if the
    /// address names no custom domain: the tenant may have some all the same.
    #[must_use]
    pub fn login_hosts(&self) -> Vec<String> {
        if self.custom_domains.is_empty() {
            return Vec::new();
        }
        let canonical = self.domain.rsplit_once(':').map_or(self.domain.as_str(), |(host, _)| host);
        std::iter::once(canonical.to_owned()).chain(self.custom_domains.iter().cloned()).collect()
    }

    /// Returns whether a domain, with its port, is none of this tenant's: neither the canonical one nor
    /// a custom one. A malformed domain is none of any tenant, which its own parsing reports.
    #[cfg(feature = "hook")]
    pub(crate) fn is_other_tenant(&self, domain: &str) -> bool {
        let Ok(named) = format!("{SCHEME}{domain}").parse::<Self>() else { return false };
        named.domain != self.domain && !self.custom_domains.contains(&named.domain)
    }

    /// Returns the canonical host, without its port; none for a server of this machine.
    #[must_use]
    pub fn public_host(&self) -> Option<&str> {
        let host = self.domain.split(':').next().unwrap_or_default();
        (!self.is_loopback).then_some(host)
    }

    /// Returns whether the domain looks like one that Auth0 gives to tenants, or is a
    /// server of this machine.
    pub(super) fn looks_canonical(&self) -> bool {
        self.is_loopback || self.domain.ends_with(".auth0.com") || self.domain.ends_with(".auth0app.com")
    }

    /// Returns the audience of the Management API, which is its base URL too.
    #[must_use]
    pub fn audience(&self) -> String {
        self.url("/api/v2/")
    }

    /// Returns the issuer of the tokens that the tenant issues under this domain, with a slash
    /// at the end.
    ///
    /// # Errors
    ///
    /// If the address is not a URL, which parsing has excluded.
    #[cfg(feature = "hook")]
    pub(crate) fn issuer(&self) -> Result<Url, SetupError> {
        Url::parse(&self.url("/")).map_err(|error| refuse(&error.to_string()))
    }

    /// Returns the URL of a path of the tenant.
    pub(super) fn url(&self, path: &str) -> String {
        [&self.origin, path].concat()
    }

    /// Returns whether the tenant is a server of this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl FromStr for TenantAddress {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| refuse("it does not begin with auth0://"))?;
        let http = parse_url("http", rest)?;
        let is_loopback = is_loopback(&http);
        let url = if is_loopback { http } else { parse_url("https", rest)? };
        let origin = url.origin().ascii_serialization();
        let domain = origin.split_once("://").map_or("", |(_, domain)| domain).to_owned();
        Ok(Self { custom_domains: custom_domains(&url)?, origin, domain, is_loopback })
    }
}

impl fmt::Display for TenantAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.domain)?;
        for (place, custom) in self.custom_domains.iter().enumerate() {
            write!(f, "{}custom_domain={custom}", if place == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// The text is not repeated in errors: it may contain a password by mistake.
fn refuse(why: &str) -> SetupError {
    SetupError::Address(why.to_owned())
}

fn parse_url(scheme: &str, rest: &str) -> Result<Url, SetupError> {
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|error| refuse(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            "it contains a user name or a password; credentials come from the environment or a file",
        ));
    }
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(refuse("it contains more than a domain and a port"));
    }
    Ok(url)
}

/// Returns whether the host of a URL is this machine, by its text.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn custom_domains(url: &Url) -> Result<Vec<String>, SetupError> {
    url.query_pairs().map(|(name, value)| custom_domain(&name, &value)).collect()
}

fn custom_domain(name: &str, value: &str) -> Result<String, SetupError> {
    if name != "custom_domain" {
        return Err(refuse("custom_domain is the only parameter that it may have"));
    }
    let only_a_name = |custom: &Url| {
        custom.host_str().is_some()
            && custom.port().is_none()
            && custom.query().is_none()
            && !value.contains(':')
    };
    let custom = parse_url("https", value).ok().filter(only_a_name);
    let host = custom.as_ref().and_then(Url::host_str).map(str::to_owned);
    host.ok_or_else(|| refuse("custom_domain is not a domain, such as login.example.com"))
}

#[cfg(test)]
mod tests {
    use super::TenantAddress;

    fn parse(text: &str) -> Result<TenantAddress, String> {
        text.parse().map_err(|error: super::SetupError| error.to_string())
    }

    #[test]
    fn a_tenant_is_asked_by_https() {
        let address = parse("auth0://Acme.EU.auth0.com").unwrap();
        assert_eq!(address.audience(), "https://acme.eu.auth0.com/api/v2/");
        assert_eq!((address.domain(), address.custom_domain()), ("acme.eu.auth0.com", None));
        assert_eq!(parse("auth0://acme.eu.auth0.com:443/").unwrap(), address);
        let port = parse("auth0://auth0.example.com:8443").unwrap();
        assert_eq!(port.audience(), "https://auth0.example.com:8443/api/v2/");
    }

    #[test]
    fn http_is_for_this_machine_only() {
        for (text, origin) in [
            ("auth0://localhost:4400", "http://localhost:4400"),
            ("auth0://127.0.0.1:443", "http://127.0.0.1:443"),
            ("auth0://[::1]:4400", "http://[::1]:4400"),
            ("auth0://localhost.example.com:4400", "https://localhost.example.com:4400"),
            ("auth0://127.0.0.1.example.com", "https://127.0.0.1.example.com"),
            ("auth0://example.com:80", "https://example.com:80"),
            ("auth0://192.0.2.1:80", "https://192.0.2.1:80"),
        ] {
            assert_eq!(parse(text).unwrap().url(""), origin, "{text}");
        }
    }

    #[test]
    fn a_custom_domain_stands_beside_the_canonical_one() {
        let address = parse("auth0://acme.eu.auth0.com?custom_domain=login.example.com").unwrap();
        assert_eq!(address.custom_domain(), Some("login.example.com"));
        assert_eq!(address.audience(), "https://acme.eu.auth0.com/api/v2/");
        assert_eq!(address.to_string(), "auth0://acme.eu.auth0.com?custom_domain=login.example.com");
        assert_eq!(address.login_hosts(), ["acme.eu.auth0.com", "login.example.com"]);
        let text = "auth0://localhost:4400?custom_domain=a.example.com&custom_domain=b.example.com";
        let several = parse(text).unwrap();
        assert_eq!((several.to_string(), several.custom_domain()), (text.to_owned(), Some("a.example.com")));
        assert_eq!(several.login_hosts(), ["localhost", "a.example.com", "b.example.com"]);
        assert!(parse("auth0://acme.eu.auth0.com").unwrap().login_hosts().is_empty());
    }

    #[cfg(feature = "hook")]
    #[test]
    fn another_tenant_is_told_from_the_domains_of_this_one() {
        let address = parse("auth0://acme.eu.auth0.com?custom_domain=login.example.com").unwrap();
        for own in ["acme.eu.auth0.com", "ACME.eu.auth0.com:443", "login.example.com", "https://malformed/x"]
        {
            assert!(!address.is_other_tenant(own), "{own}");
        }
        for other in [
            "evil.eu.auth0.com",
            "login.example.com:8443",
            "acme.eu.auth0.com.evil.example",
            "evil.example?custom_domain=login.example.com",
        ] {
            assert!(address.is_other_tenant(other), "{other}");
        }
    }

    #[test]
    fn a_malformed_address_is_refused_and_not_repeated() {
        for text in [
            "",
            "auth0://",
            "auth0:acme.eu.auth0.com",
            "https://acme.eu.auth0.com",
            "auth0://https://acme.eu.auth0.com",
            "auth0://acme.eu.auth0.com/api/v2/",
            "auth0://acme.eu.auth0.com#x",
            "auth0://acme.eu.auth0.com:99999",
            "auth0://acme.eu.auth0.com?custom=login.example.com",
            "auth0://acme.eu.auth0.com?custom_domain=",
            "auth0://acme.eu.auth0.com?custom_domain=login.example.com/x",
            "auth0://acme.eu.auth0.com?custom_domain=login.example.com:8443",
            "auth0://acme.eu.auth0.com?custom_domain=a.example.com&domain=b.example.com",
            "auth0://client:s3cret@acme.eu.auth0.com",
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains("expected auth0://DOMAIN") && !error.contains("s3cret"),
                "{text}: {error}"
            );
        }
    }
}
