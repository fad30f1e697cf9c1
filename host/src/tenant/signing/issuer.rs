//! The issuer: the tenant's name in tokens. It is derived from the request's host, because clients
//! expect their `domain` in `iss`. Therefore only the tenant's own host names are served.

use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode, header, request};
use axum::response::{IntoResponse, Response};

/// The scheme of the listener that accepted a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// The URL by which a client addresses the tenant, `{scheme}://{host}/`, and the name of the tenant
/// in tokens, which is the same unless the configuration has a fixed one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Issuer {
    url: Arc<str>,
    name: Arc<str>,
}

impl Issuer {
    fn new(scheme: Scheme, host: &str, fixed: Option<&Arc<str>>) -> Self {
        let scheme = if scheme == Scheme::Https { "https" } else { "http" };
        let url: Arc<str> = format!("{scheme}://{host}/").into();
        Self { name: fixed.unwrap_or(&url).clone(), url }
    }

    /// Returns the URL with a trailing slash.
    pub(crate) fn as_str(&self) -> &str {
        &self.url
    }

    /// Returns the name in tokens, the claim `iss`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL without the trailing slash.
    pub(crate) fn origin(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// Returns the host with its port, which Auth0's clients call the domain.
    pub(crate) fn domain(&self) -> &str {
        self.origin().split_once("://").map_or("", |(_, host)| host)
    }

    /// Returns the audience of `/userinfo`.
    pub(crate) fn userinfo(&self) -> String {
        format!("{}userinfo", self.name)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.starts_with("https")
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// The tenant's own host names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    /// The configured names, with their ports.
    further: Vec<String>,
    /// The custom domains, with their ports.
    custom: Vec<String>,
    /// The issuer of the configuration.
    fixed: Option<Arc<str>>,
    /// The port of the HTTP listener.
    http: Option<u16>,
    https: Option<u16>,
}

impl Hosts {
    pub(crate) fn new(further: &[String], http: Option<u16>, https: Option<u16>) -> Self {
        Self { further: in_lower_case(further), custom: Vec::new(), fixed: None, http, https }
    }

    /// Adds custom domains.
    pub(crate) fn with_custom_domains(self, domains: &[String]) -> Self {
        Self { custom: in_lower_case(domains), ..self }
    }

    /// Sets the name of the tenant in tokens, whichever way it is addressed.
    pub(crate) fn with_fixed_issuer(self, issuer: Option<&str>) -> Self {
        Self { fixed: issuer.map(Arc::from), ..self }
    }

    /// Returns the issuer for a `Host` header, if it is one of the tenant's names with the
    /// listener's port. Any other may be a site whose name resolves to this machine (DNS
    /// rebinding).
    pub(crate) fn issuer(&self, scheme: Scheme, host: &str) -> Option<Issuer> {
        let host = host.to_ascii_lowercase();
        let port = if scheme == Scheme::Https { self.https } else { self.http };
        let standard = if scheme == Scheme::Https { 443 } else { 80 };
        let (name, asked) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port.to_owned())),
            _ => (host.as_str(), None),
        };
        // Compared as text: `04480` would be another issuer on the same port.
        let is_port = |own: u16| asked.as_ref().map_or(own == standard, |asked| *asked == own.to_string());
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
        };
        let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]")
            || name.strip_suffix(".localhost").is_some_and(|sub| sub.split('.').all(is_label));
        let is_own =
            (is_local && port.is_some_and(is_port)) || self.further.contains(&host) || self.is_custom(&host);
        is_own.then(|| Issuer::new(scheme, &host, self.fixed.as_ref()))
    }

    /// Returns the domain of this machine for clients that use https.
    pub(crate) fn https_domain(&self) -> Option<String> {
        self.https.map(|port| format!("localhost:{port}"))
    }

    /// Returns whether a host name is a custom domain.
    pub(crate) fn is_custom(&self, host: &str) -> bool {
        self.custom.iter().any(|it| *it == host)
    }

    /// Returns whether this is the audience of the Management API, at any name but a custom
    /// domain. A fixed issuer adds its own.
    ///
    /// Source: Auth0, "Custom Domains": the audience contains the canonical domain.
    pub(crate) fn is_management_audience(&self, audience: &str) -> bool {
        let Some(issuer) = audience.strip_suffix("api/v2/") else { return false };
        let host = issuer.split_once("://").map_or("", |(_, rest)| rest.trim_end_matches('/'));
        self.fixed.as_deref() == Some(issuer) || (self.is_own_url(issuer) && !self.is_custom(host))
    }

    /// Returns the audience of the Management API for clients that use this issuer.
    pub(crate) fn management_audience(&self, issuer: &Issuer) -> String {
        if self.fixed.is_some() || !self.is_custom(issuer.domain()) {
            return format!("{}api/v2/", issuer.name());
        }
        let (scheme, port) = if issuer.is_https() { ("https", self.https) } else { ("http", self.http) };
        format!("{scheme}://localhost:{}/api/v2/", port.unwrap_or_default())
    }

    /// Returns whether a token's `iss` belongs to this tenant.
    pub(crate) fn is_own(&self, issuer: &str) -> bool {
        match &self.fixed {
            Some(fixed) => **fixed == *issuer,
            None => self.is_own_url(issuer),
        }
    }

    /// Returns whether this is a URL of the tenant, with a slash at its end.
    fn is_own_url(&self, issuer: &str) -> bool {
        let Some(rest) = issuer.strip_suffix('/') else { return false };
        let of = |scheme, rest: &str| self.issuer(scheme, rest).is_some_and(|own| own.as_str() == issuer);
        match rest.split_once("://") {
            Some(("http", host)) => of(Scheme::Http, host),
            Some(("https", host)) => of(Scheme::Https, host),
            _ => false,
        }
    }
}

fn in_lower_case(hosts: &[String]) -> Vec<String> {
    hosts.iter().map(|host| host.to_ascii_lowercase()).collect()
}

/// Extracts the issuer of a request, which [`require_own_host`] has determined.
impl<S: Send + Sync> FromRequestParts<S> for Issuer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(refuse_host)
    }
}

/// Refuses a request for a host name that is not the tenant's own.
#[allow(clippy::result_large_err)]
pub(crate) fn require_own_host(
    hosts: &Hosts,
    scheme: Scheme,
    mut request: Request,
) -> Result<Request, Response> {
    let issuer = read_host(&request).and_then(|host| hosts.issuer(scheme, host));
    request.extensions_mut().insert(issuer.ok_or_else(refuse_host)?);
    Ok(request)
}

fn read_host(request: &Request) -> Option<&str> {
    // An absolute request target replaces the `Host` header (RFC 9112, 3.2.2).
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str());
    }
    single_host(request.headers())
}

/// Returns the `Host` header. Refuses duplicates, because proxies disagree on which one counts.
fn single_host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

fn refuse_host() -> Response {
    let words = "This tenant does not answer to that name and port. Use localhost with the port of this server, or list name and port under `hosts` in tenant.toml.\n";
    (StatusCode::MISDIRECTED_REQUEST, words).into_response()
}

#[cfg(test)]
mod tests {
    use crate::tenant::signing::issuer::{Hosts, Scheme};

    #[test]
    fn only_its_own_names_are_answered() {
        let hosts = Hosts::new(&["tenant.test:4481".to_owned()], Some(4480), Some(4481));
        let issuer = |scheme, host| hosts.issuer(scheme, host).map(|it| it.to_string());
        let own = |host: &str| Some(format!("https://{host}/"));
        for host in
            ["localhost:4481", "127.0.0.1:4481", "[::1]:4481", "a.b.localhost:4481", "tenant.test:4481"]
        {
            assert_eq!(issuer(Scheme::Https, host), own(host));
        }
        for host in [
            "evil.test:4481",
            "localhost",
            "localhost:4480",
            "localhost:04481",
            "localhost:+4481",
            "localhost.evil.test:4481",
            ".localhost:4481",
            "",
            ":4481",
        ] {
            assert_eq!(issuer(Scheme::Https, host), None, "{host}");
        }
        assert!(hosts.is_own("http://localhost:4480/"));
        for foreign in
            ["http://localhost:4481/", "https://localhost:4481", "https://evil.test/", "LOCALHOST:4481/"]
        {
            assert!(!hosts.is_own(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_fixed_issuer_is_the_only_one() {
        let hosts = Hosts::new(&["tenant.test".to_owned()], Some(4480), Some(4481))
            .with_custom_domains(&["login.test".to_owned()])
            .with_fixed_issuer(Some("https://fixed.test/"));
        for host in ["localhost:4481", "tenant.test", "login.test"] {
            let issuer = hosts.issuer(Scheme::Https, host).unwrap();
            assert_eq!((issuer.name(), issuer.domain()), ("https://fixed.test/", host));
            assert_eq!(hosts.management_audience(&issuer), "https://fixed.test/api/v2/");
            assert_eq!(issuer.userinfo(), "https://fixed.test/userinfo");
        }
        assert!(hosts.is_own("https://fixed.test/"));
        for foreign in ["https://localhost:4481/", "https://tenant.test/", "https://login.test/"] {
            assert!(!hosts.is_own(foreign), "{foreign}");
        }
        assert!(hosts.is_management_audience("https://fixed.test/api/v2/"));
        assert!(
            hosts.is_management_audience("https://localhost:4481/api/v2/"),
            "SDKs ask for their domain's"
        );
        assert!(!hosts.is_management_audience("https://evil.test/api/v2/"));
        assert_eq!(hosts.issuer(Scheme::Https, "fixed.test"), None, "it is a name, and no host");
    }

    #[test]
    fn a_custom_domain_is_an_issuer_and_no_audience() {
        let hosts = Hosts::new(&["tenant.test".to_owned()], Some(4480), Some(4481))
            .with_custom_domains(&["Login.test".to_owned()]);
        let issuer = hosts.issuer(Scheme::Https, "login.test").unwrap();
        assert_eq!(issuer.as_str(), "https://login.test/");
        assert!(hosts.is_own("https://login.test/"));
        assert!(!hosts.is_management_audience("https://login.test/api/v2/"));
        assert_eq!(hosts.management_audience(&issuer), "https://localhost:4481/api/v2/");
        for audience in ["https://tenant.test/api/v2/", "http://localhost:4480/api/v2/"] {
            assert!(hosts.is_management_audience(audience), "{audience}");
        }
        for foreign in ["https://evil.test/api/v2/", "https://login.test:4481/api/v2/", "api/v2/", ""] {
            assert!(!hosts.is_management_audience(foreign), "{foreign}");
        }
    }
}
