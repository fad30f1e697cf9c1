//! The URL of a service as browsers see it.

use url::{Host, Url};

/// Parses the URL of a service as browsers see it: https, or http on this machine.
///
/// # Errors
///
/// The fault, as part of a sentence.
pub(crate) fn parse_public_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is not a URL")?;
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("it names no host"),
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        "http" => return Err("it is not https, and its host is not this machine"),
        _ => return Err("it is not https"),
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err("it contains more than a host, a port and a path");
    }
    Ok(url)
}
