//! The policy's view of connections: which ones it trusts for an address, and which
//! ones link to one another.

use ligature_link_policy::{Policy, TrustedConnection, is_enterprise};

use crate::address_claim::{AddressClaim, Trust};
use crate::email;

/// Returns the trust in the connection of a claim, for the claim's address.
pub(crate) fn assess_trust(policy: &Policy, claim: &AddressClaim) -> Trust {
    let (connection, strategy) = (claim.connection, claim.strategy);
    if policy.verified_by_tenant.iter().any(|it| it == connection || it == strategy) {
        return Trust::ByTenantOnly;
    }
    if matches!(strategy, "auth0" | "email") {
        return Trust::Trusted;
    }
    // An entry for the connection itself takes precedence over `*`.
    let mut trust = Trust::Untrusted;
    let mut are_all_trusted = false;
    for entry in &policy.trusted_connections {
        let domains = match entry {
            TrustedConnection::Name(name) if name == "*" => {
                are_all_trusted = true;
                continue;
            }
            TrustedConnection::Name(name) if name == connection => &[][..],
            TrustedConnection::Detailed(it)
                if it.name.as_deref() == Some(connection) || it.strategy.as_deref() == Some(strategy) =>
            {
                &it.domains
            }
            _ => continue,
        };
        match domains {
            [] if is_enterprise(strategy) => {
                if trust == Trust::Untrusted {
                    trust = Trust::WithoutDomains;
                }
            }
            [] => return Trust::Trusted,
            domains if email::is_at(claim.address, domains) => return Trust::Trusted,
            _ => trust = Trust::DomainNotOwned,
        }
    }
    if are_all_trusted && trust != Trust::DomainNotOwned { Trust::Trusted } else { trust }
}

/// The connections that link to one another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Group<'a> {
    Named(&'a str),
    /// An enterprise connection on its own.
    Own(&'a str),
    /// All connections that are in no other group.
    Others,
}

/// Returns the group of a claim's connection.
pub(crate) fn find_group<'a>(policy: &'a Policy, claim: &AddressClaim<'a>) -> Group<'a> {
    let groups = &policy.connection_groups;
    let holding = |wanted: &str| groups.iter().find(|(_, names)| names.iter().any(|name| name == wanted));
    match holding(claim.connection).or_else(|| holding("*")) {
        Some((name, _)) => Group::Named(name),
        None if is_enterprise(claim.strategy) => Group::Own(claim.connection),
        None => Group::Others,
    }
}

/// Returns whether an id of this provider is unique within one connection only: every
/// customer has a connection of their own. Source: Auth0's event schema, the enterprise category
/// of identities, and its custom social connections.
pub(crate) fn is_per_connection(strategy: &str) -> bool {
    strategy == "oauth2" || is_enterprise(strategy)
}
