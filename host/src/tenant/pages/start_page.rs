//! `/`: what this is, and what to do with it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::directory::JournalQuery;
use crate::model::{ApiError, IdentityKey, User, mask_addresses};
use crate::tenant::config::{Account, Connection, SeedUser};
use crate::tenant::http::html;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// Users that the page lists.
const USERS: usize = 20;

#[derive(Template)]
#[template(path = "start.html")]
struct Start<'a> {
    nonce: &'a str,
    name: &'a str,
    issuer: &'a str,
    domain: &'a str,
    clients: Vec<LogIn<'a>>,
    example: Option<Example<'a>>,
    /// `None`: the directory does not answer.
    users: Option<Vec<Listed>>,
    has_more: bool,
    policies: Vec<Arc<str>>,
}

/// A login that can be tried.
struct LogIn<'a> {
    label: &'a str,
    href: String,
}

/// Two accounts of one person that are two users still.
struct Example<'a> {
    provider: &'a str,
    account: String,
    login: &'a str,
}

struct Listed {
    user_id: String,
    email: Option<String>,
    is_verified: bool,
    /// The identities besides the user's own.
    linked: Vec<String>,
    /// A login page that knows the address, for whoever has a password.
    log_in: Option<String>,
}

/// The page. It shows no password and no token; addresses are masked as the
/// log's are, as the page asks nobody who they are.
pub(crate) async fn show(State(tenant): State<Shared>, issuer: Issuer) -> Response {
    run(&tenant, move |tenant| {
        let nonce = html::nonce();
        let found = users(tenant);
        let (users, has_more) = match &found {
            Ok((users, has_more)) => {
                (Some(users.iter().map(|user| listed(tenant, user)).collect()), *has_more)
            }
            Err(error) => {
                tracing::warn!(error = %mask_addresses(&error.to_string()), "the users could not be listed");
                (None, false)
            }
        };
        let start = Start {
            nonce: &nonce,
            name: &tenant.config.name,
            issuer: issuer.as_str(),
            domain: issuer.domain(),
            clients: clients(tenant),
            example: example(tenant),
            users,
            has_more,
            policies: tenant.logins.decider.policies().iter().map(|policy| policy.name.clone()).collect(),
        };
        html::page(StatusCode::OK, start.render(), &nonce)
    })
    .await
}

fn clients(tenant: &Tenant) -> Vec<LogIn<'_>> {
    let clients = tenant.config.clients.iter().filter(|client| client.is_for_browsers());
    clients.map(|client| LogIn { label: client.label(), href: log_in(&client.client_id, None) }).collect()
}

fn log_in(client_id: &str, login_hint: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::for_suffix("/dev/log-in?".to_owned(), 12);
    query.append_pair("client_id", client_id);
    if let Some(login_hint) = login_hint {
        query.append_pair("login_hint", login_hint);
    }
    query.finish()
}

/// A provider's verified account with the address of a user of a database, while
/// they are two users.
fn example(tenant: &Tenant) -> Option<Example<'_>> {
    let databases = tenant.config.users.iter().filter(|seed| seed.password.is_some());
    // Accounts that nobody has ever used are the ones that a policy asks about.
    let (used, unused): (Vec<&SeedUser>, Vec<_>) = databases.partition(|it| it.user.last_login.is_some());
    let providers = || {
        let connections = tenant.config.connections.iter();
        connections
            .flat_map(|connection| connection.accounts.iter().map(move |account| (connection, account)))
    };
    unused.into_iter().chain(used).find_map(|seed| {
        let login = seed.user.email.as_deref()?;
        let (connection, account) = providers().find(|(_, account)| {
            let is_same = account.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(login));
            is_same && account.email_verified == Some(true)
        })?;
        let own = owner_of_seed(tenant, seed).ok()??;
        let other = owner_of_account(tenant, connection, account).ok()?;
        let is_linked = other.as_ref().is_some_and(|other| other.user_id == own.user_id);
        // A pair that was unlinked or undone is left apart by the policy for long.
        let was_parted = was_parted(tenant, &own.user_id).ok()?;
        (!is_linked && !was_parted).then(|| Example {
            provider: connection.label(),
            account: account.words(),
            login,
        })
    })
}

fn was_parted(tenant: &Tenant, user_id: &str) -> Result<bool, ApiError> {
    let entries = tenant.directory.journal(&JournalQuery {
        user_id: Some(user_id.to_owned()),
        limit: 100,
        ..JournalQuery::default()
    })?;
    Ok(entries.iter().any(|entry| entry.kind.separates()))
}

/// The configuration's users and accounts as they are now, then others, without
/// repetition; and whether there are more.
fn users(tenant: &Tenant) -> Result<(Vec<Arc<User>>, bool), ApiError> {
    let mut found: Vec<Arc<User>> = Vec::new();
    let mut take = |user: Arc<User>| {
        if found.iter().all(|known| known.user_id != user.user_id) {
            found.push(user);
        }
    };
    for seed in tenant.config.users.iter().take(USERS) {
        owner_of_seed(tenant, seed)?.into_iter().for_each(&mut take);
    }
    for connection in &tenant.config.connections {
        for account in connection.accounts.iter().take(USERS) {
            owner_of_account(tenant, connection, account)?.into_iter().for_each(&mut take);
        }
    }
    for stored in tenant.directory.page("", USERS + 1)? {
        take(stored.user);
    }
    let has_more = found.len() > USERS;
    found.truncate(USERS);
    Ok((found, has_more))
}

fn owner_of_seed(tenant: &Tenant, seed: &SeedUser) -> Result<Option<Arc<User>>, ApiError> {
    let id = seed.user.user_id.split_once('|').map_or("", |(_, id)| id);
    tenant.config.connection(&seed.connection).map_or(Ok(None), |connection| owner(tenant, connection, id))
}

fn owner_of_account(
    tenant: &Tenant,
    connection: &Connection,
    account: &Account,
) -> Result<Option<Arc<User>>, ApiError> {
    owner(tenant, connection, &connection.identity_id(&account.user_id))
}

fn owner(tenant: &Tenant, connection: &Connection, id: &str) -> Result<Option<Arc<User>>, ApiError> {
    let key = IdentityKey { connection: &connection.name, provider: connection.provider(), user_id: id };
    match tenant.directory.owner(key) {
        Ok(stored) => Ok(stored.map(|stored| stored.user)),
        // Another connection's.
        Err(ApiError::Invalid(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn listed(tenant: &Tenant, user: &User) -> Listed {
    let masked = |text: &str| mask_addresses(text).into_owned();
    let has_password = user
        .identities
        .iter()
        .any(|identity| tenant.config.connection(&identity.connection).is_some_and(Connection::is_database));
    // A link would tell the address, which is told of nobody who may exist.
    let email = user.email.as_deref().filter(|email| has_password && masked(email) == **email);
    let client = tenant.config.clients.iter().find(|client| client.is_for_browsers());
    Listed {
        log_in: client.zip(email).map(|(client, email)| log_in(&client.client_id, Some(email))),
        user_id: masked(&user.user_id),
        email: user.email.as_deref().map(masked),
        is_verified: user.email_verified.is_verified(),
        linked: user.identities.iter().skip(1).map(|it| masked(&it.as_user_id())).collect(),
    }
}
