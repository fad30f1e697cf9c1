//! The hosts at which users log in, as far as the directory does not list them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::model::{LoginEvent, join_lines, mask_addresses};

/// The most hosts that are remembered, each of which is logged once.
const MOST_HOSTS: usize = 32;
/// The most bytes of a host: that of a name in DNS.
const LONGEST_HOST: usize = 253;

/// Notices logins at hosts other than the tenant's own. Such a host is a custom domain, or the Action
/// is that of another tenant.
#[derive(Debug, Default)]
pub(super) struct LoginHosts {
    /// The canonical host of the tenant; none if the directory is not a tenant, or lists its hosts.
    canonical: Option<String>,
    noticed: Mutex<BTreeSet<String>>,
}

impl LoginHosts {
    pub(super) fn new(canonical: Option<String>) -> Self {
        Self { canonical, noticed: Mutex::default() }
    }

    /// Warns of the host of a login, once for each host.
    pub(super) fn notice(&self, event: &LoginEvent) {
        let Some(canonical) = &self.canonical else { return };
        let Some(host) = self.find_new(event) else { return };
        tracing::warn!(
            target: "audit", host,
            "a login was at a host that is not {canonical}: if it is a custom domain of this tenant, add \
             ?custom_domain={host} to --directory; otherwise the Action belongs to another tenant"
        );
    }

    /// Returns the host of a login if it is not the tenant's, and new.
    fn find_new(&self, event: &LoginEvent) -> Option<String> {
        let canonical = self.canonical.as_deref()?;
        let host = event.rest.get("request")?.get("hostname")?.as_str()?;
        if host.eq_ignore_ascii_case(canonical) {
            return None;
        }
        let host = join_lines(&mask_addresses(host), LONGEST_HOST).to_ascii_lowercase();
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        (noticed.len() < MOST_HOSTS && noticed.insert(host.clone())).then_some(host)
    }
}

#[cfg(test)]
mod tests {
    use super::{LoginHosts, MOST_HOSTS};
    use crate::model::LoginEvent;

    fn event(host: &str) -> LoginEvent {
        let event = serde_json::json!({
            "user": { "user_id": "auth0|1" }, "connection": { "name": "db", "strategy": "auth0" },
            "request": { "hostname": host },
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn each_unknown_host_is_noticed_once() {
        let hosts = LoginHosts::new(Some("acme.eu.auth0.com".to_owned()));
        let new = |host: &str| hosts.find_new(&event(host));
        assert_eq!(new("ACME.eu.auth0.com"), None);
        assert_eq!(new("Login.other.com").as_deref(), Some("login.other.com"));
        assert_eq!(new("login.OTHER.com"), None);
        let noticed = (0..100).filter(|number| new(&format!("{number}.example.com")).is_some()).count();
        assert_eq!(noticed, MOST_HOSTS - 1);
        assert_eq!(LoginHosts::default().find_new(&event("login.other.com")), None);
    }
}
