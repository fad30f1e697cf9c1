//! Checks of a configuration and its parts. Each error names the key and the part.

use std::collections::HashSet;

use crate::policies::PolicyEntry;
use crate::tenant::config::client::{ACCOUNT_CLIENT, Client};
use crate::tenant::config::connection::{Connection, SeedUser};
use crate::tenant::config::content::Config;
use crate::tenant::config::organization::{ConfiguredOrganization, derive_organization_id};
use crate::tenant::config::role::ConfiguredRole;
use crate::tenant::config::settings::PasswordHash;
use crate::tenant::config::webhook::Webhook;

/// The longest lifetime: ten years.
const LONGEST_S: u64 = 10 * 365 * 86_400;

/// Checks a configuration as a whole.
pub(super) fn check_config(config: &Config) -> Result<(), String> {
    if let Some(issuer) = &config.issuer {
        check_issuer(issuer).map_err(|why| format!("issuer: {why}"))?;
    }
    check_clients(&config.clients)?;
    check_connections(&config.connections)?;
    check_roles(&config.roles)?;
    check_organizations(&config.organizations)?;
    config.users.iter().try_for_each(|seed| check_user(seed, &config.connections))?;
    check_host_names(&config.hosts, &config.custom_domains)?;
    Webhook::check_all(&config.webhooks)?;
    for api in &config.apis {
        // Access tokens for this API would be accepted as ID tokens of that client.
        if config.client(&api.identifier).is_some() {
            return Err(format!("api `{}`: a client has that name", api.identifier));
        }
    }
    if let Some((name, _)) =
        config.lifetimes.all().iter().find(|(_, seconds)| !(1..=LONGEST_S).contains(seconds))
    {
        return Err(format!("lifetimes: {name} is not between a second and ten years"));
    }
    config.limits.check().map_err(|why| format!("limits: {why}"))?;
    PolicyEntry::check_all(&config.policy, &config.limits)?;
    let PasswordHash { memory_kib, iterations, lanes } = config.password_hash;
    if argon2::Params::new(memory_kib, iterations, lanes, None).is_err() {
        return Err("password_hash: Argon2 does not take these parameters".to_owned());
    }
    Ok(())
}

/// Checks that an issuer has the form of Auth0's: a scheme, a host and a slash.
fn check_issuer(issuer: &str) -> Result<(), String> {
    let expected = "is not a URL such as https://tenant.test/, with a slash at its end and nothing behind it";
    let url = url::Url::parse(issuer).ok().filter(|_| issuer.len() <= 255);
    let is_issuer = url.is_some_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.as_str() == issuer
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.password().is_none()
    });
    let shown: String = issuer.chars().take(100).collect();
    if is_issuer { Ok(()) } else { Err(format!("`{shown}` {expected}")) }
}

/// Checks the clients, whose ids have to be unique.
fn check_clients(clients: &[Client]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for client in clients {
        if client.client_id.is_empty() {
            return Err("a client has no client_id".to_owned());
        }
        if client.client_id == ACCOUNT_CLIENT {
            return Err(format!(
                "client `{ACCOUNT_CLIENT}`: the tenant's own page /account has that client_id; choose another"
            ));
        }
        if !seen.insert(&client.client_id) {
            return Err(format!("two clients are called `{}`", client.client_id));
        }
        client.check().map_err(|why| format!("client `{}`: {why}", client.client_id))?;
    }
    Ok(())
}

/// Checks the connections, whose names have to be unique.
fn check_connections(connections: &[Connection]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for connection in connections {
        if !seen.insert(&connection.name) {
            return Err(format!("two connections are called `{}`", connection.name));
        }
        connection.check().map_err(|why| format!("connection `{}`: {why}", connection.name))?;
    }
    Ok(())
}

/// Checks the names of the roles.
fn check_roles(roles: &[ConfiguredRole]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for ConfiguredRole { name, .. } in roles {
        if name.is_empty() || !seen.insert(name) {
            return Err(format!("roles: `{name}` is empty, or appears twice"));
        }
    }
    Ok(())
}

/// Checks the organizations, whose names and ids have to be unique.
fn check_organizations(organizations: &[ConfiguredOrganization]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for organization in organizations {
        let ConfiguredOrganization { id, name, .. } = organization;
        organization.check().map_err(|why| format!("organization `{name}`: {why}"))?;
        let derived = derive_organization_id(name);
        let id = if id.is_empty() { &derived } else { id };
        if !seen.insert(name.clone()) || !seen.insert(id.clone()) {
            return Err(format!("organizations: the name `{name}` or its id appears twice"));
        }
    }
    Ok(())
}

/// Checks that a user fits its connection.
fn check_user(seed: &SeedUser, connections: &[Connection]) -> Result<(), String> {
    let id = &seed.user.user_id;
    seed.check().map_err(|why| format!("user `{id}`: {why}"))?;
    let connection = connections.iter().find(|it| it.name == seed.connection);
    let Some(connection) = connection else {
        return Err(format!("user `{id}`: there is no connection `{}`", seed.connection));
    };
    let provider = id.split_once('|').map_or("", |(provider, _)| provider);
    if provider != connection.strategy {
        return Err(format!(
            "user `{id}`: users of `{}` have ids such as `{}|1`",
            connection.name, connection.strategy
        ));
    }
    if seed.password.is_some() && connection.strategy != "auth0" {
        return Err(format!("user `{id}`: only users of a database have passwords"));
    }
    Ok(())
}

/// Checks the names by which the tenant can be reached.
fn check_host_names(hosts: &[String], custom_domains: &[String]) -> Result<(), String> {
    for (key, names) in [("hosts", hosts), ("custom_domains", custom_domains)] {
        for host in names {
            let is_host =
                !host.is_empty() && !host.contains(['/', '[', '*', ' ']) && host.matches(':').count() <= 1;
            if !is_host {
                return Err(format!("{key}: `{host}` is not a name such as tenant.test:4481"));
            }
        }
    }
    if let Some(twice) = custom_domains.iter().find(|it| hosts.contains(it)) {
        return Err(format!("custom_domains: `{twice}` is among `hosts` as well"));
    }
    Ok(())
}
