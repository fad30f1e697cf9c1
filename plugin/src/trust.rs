//! The policy's view of connections: which ones it trusts for an address, and which
//! ones link to one another.

use ligature_link_policy::{Policy, Terms, is_enterprise};

use crate::address_claim::{AddressClaim, Trust};
use crate::email;

/// Returns the trust in the connection of a claim, for the claim's address.
pub(crate) fn assess_trust(policy: &Policy, claim: &AddressClaim) -> Trust {
    let (connection, strategy) = (claim.connection, claim.strategy);
    if policy.verified_by_tenant.contains(connection) || policy.verified_by_tenant.contains(strategy) {
        return Trust::ByTenantOnly;
    }
    if matches!(strategy, "auth0" | "email") {
        return Trust::Trusted;
    }
    let list = &policy.trusted_connections;
    let mut trust = Trust::Untrusted;
    list.visit_terms(connection, strategy, |terms| trust = trust.max(trust_by_terms(claim, &terms)));
    // Domains that are listed for the connection or its strategy take precedence over `*`.
    if list.has_all() && trust != Trust::DomainNotOwned { Trust::Trusted } else { trust }
}

/// Returns the trust by some of the entries for the claim's connection.
fn trust_by_terms(claim: &AddressClaim, terms: &Terms) -> Trust {
    let for_all = if is_enterprise(claim.strategy) { Trust::WithoutDomains } else { Trust::Trusted };
    let by_domain = terms.domains.map(|domains| {
        if email::is_at(claim.address, domains) { Trust::Trusted } else { Trust::DomainNotOwned }
    });
    let for_all = terms.is_for_all_domains.then_some(for_all);
    by_domain.max(for_all).unwrap_or(Trust::Untrusted)
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
    match policy.connection_groups.find(claim.connection) {
        Some(name) => Group::Named(name),
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

#[cfg(test)]
mod tests {
    use ligature_link_policy::{Policy, TrustedConnection, TrustedDetail};
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::{AddressClaim, Trust, assess_trust, is_enterprise};

    const NAMES: [&str; 8] = ["a", "b", "*", "samlp", "waad", "google-oauth2", "auth0", ""];
    const DOMAINS: [&str; 5] = ["x.com", "X.Com", "y.com", "a.x.com", ""];
    const ADDRESSES: [&str; 7] =
        ["u@x.com", "u@X.COM", "u@y.com", "u@a.x.com", "u@z.com", "a@x.com@y.com", "x.com"];

    /// The trust by reading every entry, one after the other.
    fn assess_slowly(policy: &Policy, claim: &AddressClaim) -> Trust {
        let (connection, strategy) = (claim.connection, claim.strategy);
        if policy.verified_by_tenant.iter().any(|it| it == connection || it == strategy) {
            return Trust::ByTenantOnly;
        }
        if matches!(strategy, "auth0" | "email") {
            return Trust::Trusted;
        }
        let own = claim.address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let mut trust = Trust::Untrusted;
        let mut are_all_trusted = false;
        for entry in policy.trusted_connections.iter() {
            let domains: Vec<&String> = match entry {
                TrustedConnection::Name(name) if name == "*" => {
                    are_all_trusted = true;
                    continue;
                }
                TrustedConnection::Name(name) if name == connection => Vec::new(),
                TrustedConnection::Detailed(it)
                    if it.name.as_deref() == Some(connection) || it.strategy.as_deref() == Some(strategy) =>
                {
                    it.domains.iter().collect()
                }
                _ => continue,
            };
            if domains.is_empty() {
                if !is_enterprise(strategy) {
                    return Trust::Trusted;
                }
                if trust == Trust::Untrusted {
                    trust = Trust::WithoutDomains;
                }
            } else if domains.iter().any(|domain| domain.eq_ignore_ascii_case(own)) {
                return Trust::Trusted;
            } else {
                trust = Trust::DomainNotOwned;
            }
        }
        if are_all_trusted && trust != Trust::DomainNotOwned { Trust::Trusted } else { trust }
    }

    fn any_name() -> impl Strategy<Value = String> {
        select(&NAMES[..]).prop_map(str::to_owned)
    }

    fn any_entry() -> impl Strategy<Value = TrustedConnection> {
        let domains = prop_oneof![
            3 => prop::collection::vec(select(&DOMAINS[..]).prop_map(str::to_owned), 0..3),
            1 => prop::collection::vec(select(&DOMAINS[..]).prop_map(str::to_owned), 5..9),
        ];
        // A document may not name both or neither, but a policy that was not checked may.
        let detail = (prop::option::of(any_name()), prop::option::of(any_name()), domains);
        prop_oneof![
            any_name().prop_map(TrustedConnection::Name),
            detail.prop_map(|(name, strategy, domains)| {
                TrustedConnection::Detailed(TrustedDetail { name, strategy, domains: domains.into() })
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn an_index_finds_what_reading_every_entry_finds(
            trusted in prop_oneof![
                prop::collection::vec(any_entry(), 0..5),
                prop::collection::vec(any_entry(), 5..12),
            ],
            by_tenant in prop_oneof![
                3 => Just(Vec::new()),
                1 => prop::collection::vec(any_name(), 0..7),
            ],
        ) {
            let policy = Policy {
                trusted_connections: trusted.into(),
                verified_by_tenant: by_tenant.into(),
                ..Policy::default()
            };
            let mut indexed = policy.clone();
            indexed.index_names();
            for connection in NAMES {
                for strategy in NAMES {
                    for address in ADDRESSES {
                        let claim = AddressClaim { connection, strategy, address, ..AddressClaim::NONE };
                        let expected = assess_slowly(&policy, &claim);
                        for policy in [&policy, &indexed] {
                            let trust = assess_trust(policy, &claim);
                            prop_assert_eq!(trust, expected, "{:?} of {:?}", claim, policy.trusted_connections);
                        }
                    }
                }
            }
        }
    }
}
