//! Checks of the parts of a configuration. Each error names the key and the part.

use std::collections::HashSet;

use crate::tenant::config::client::{ACCOUNT_CLIENT, Client};
use crate::tenant::config::connection::{Connection, SeedUser};
use crate::tenant::config::organization::{ConfiguredOrganization, derive_organization_id};
use crate::tenant::config::role::ConfiguredRole;

/// Checks the clients, whose ids have to be unique.
pub(super) fn check_clients(clients: &[Client]) -> Result<(), String> {
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
pub(super) fn check_connections(connections: &[Connection]) -> Result<(), String> {
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
pub(super) fn check_roles(roles: &[ConfiguredRole]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for ConfiguredRole { name, .. } in roles {
        if name.is_empty() || !seen.insert(name) {
            return Err(format!("roles: `{name}` is empty, or appears twice"));
        }
    }
    Ok(())
}

/// Checks the organizations, whose names and ids have to be unique.
pub(super) fn check_organizations(organizations: &[ConfiguredOrganization]) -> Result<(), String> {
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
pub(super) fn check_user(seed: &SeedUser, connections: &[Connection]) -> Result<(), String> {
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
pub(super) fn check_host_names(hosts: &[String], custom_domains: &[String]) -> Result<(), String> {
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
