//! `/`: a page that introduces the tenant, with logins to try.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::directory::{Administration, JournalQuery};
use crate::model::{ApiError, IdentityKey, User, mask_addresses};
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::config::{Account, Config, Connection, SeedUser};
use crate::tenant::http::visit::Visit;

/// Users that the page lists.
const USERS: usize = 20;

#[derive(Template)]
#[template(path = "start.html")]
struct Start<'a> {
    name: &'a str,
    issuer: &'a str,
    domain: &'a str,
    /// The domain for clients that use https only, if this page has another.
    https_domain: Option<String>,
    /// Whether the operators' console is served.
    has_console: bool,
    clients: Vec<LogIn<'a>>,
    example: Option<Example<'a>>,
    /// `None`: the directory does not answer.
    users: Option<Vec<ListedUser>>,
    has_more: bool,
    policies: Vec<Arc<str>>,
}

/// A login to try.
struct LogIn<'a> {
    label: &'a str,
    href: String,
}

/// Two accounts of one person that are still two users.
struct Example<'a> {
    provider: &'a str,
    account: String,
    login: &'a str,
}

struct ListedUser {
    user_id: String,
    email: Option<String>,
    is_verified: bool,
    /// The identities besides the user's own.
    linked: Vec<String>,
    /// The path of a login page with the address filled in, if the user has a password.
    log_in: Option<String>,
}

/// `GET /`. The page shows no password and no token, and masks addresses as the log
/// does, because anybody on this machine can open it.
pub(crate) async fn show(visit: Visit<()>) -> Response {
    visit.respond(|visit| {
        let (tenant, issuer) = (&*visit.tenant, &visit.issuer);
        let found = read_users(&tenant.config, &*tenant.directory);
        let (users, has_more) = match &found {
            Ok((users, has_more)) => {
                (Some(users.iter().map(|user| describe_user(&tenant.config, user)).collect()), *has_more)
            }
            Err(error) => {
                tracing::warn!(error = %mask_addresses(&error.to_string()), "the users could not be listed");
                (None, false)
            }
        };
        let start = Start {
            name: &tenant.config.name,
            issuer: issuer.as_str(),
            domain: issuer.domain(),
            https_domain: tenant.signing.hosts.https_domain().filter(|_| !issuer.is_https()),
            has_console: tenant.config.console.enabled,
            clients: list_clients(&tenant.config),
            example: find_example(&tenant.config, &*tenant.directory),
            users,
            has_more,
            policies: tenant.logins.decider.policies().iter().map(|policy| policy.name.clone()).collect(),
        };
        page::respond(StatusCode::OK, start.render())
    })
    .await
}

fn list_clients(config: &Config) -> Vec<LogIn<'_>> {
    let clients = config.clients.iter().filter(|client| client.is_for_browsers());
    clients
        .map(|client| LogIn { label: client.label(), href: log_in_path(&client.client_id, None) })
        .collect()
}

fn log_in_path(client_id: &str, login_hint: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::for_suffix("/dev/log-in?".to_owned(), 12);
    query.append_pair("client_id", client_id);
    if let Some(login_hint) = login_hint {
        query.append_pair("login_hint", login_hint);
    }
    query.finish()
}

/// A provider's verified account with the address of a user of a database, while
/// they are two users.
fn find_example<'a>(config: &'a Config, directory: &dyn Administration) -> Option<Example<'a>> {
    let databases = config.users.iter().filter(|seed| seed.password.is_some());
    // A policy prompts for accounts that have never been used.
    let (used, unused): (Vec<&SeedUser>, Vec<_>) = databases.partition(|it| it.user.last_login.is_some());
    let providers = || {
        let connections = config.connections.iter();
        connections
            .flat_map(|connection| connection.accounts.iter().map(move |account| (connection, account)))
    };
    unused.into_iter().chain(used).find_map(|seed| {
        let login = seed.user.email.as_deref()?;
        let (connection, account) = providers().find(|(_, account)| {
            let is_same = account.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(login));
            is_same && account.email_verified == Some(true)
        })?;
        let own = find_owner_of_seed(config, directory, seed).ok()??;
        let other = find_owner_of_account(directory, connection, account).ok()?;
        let is_linked = other.as_ref().is_some_and(|other| other.user_id == own.user_id);
        // The policy does not link a pair again for long after an unlink or an undo.
        let was_parted = was_parted(directory, &own.user_id).ok()?;
        (!is_linked && !was_parted).then(|| Example {
            provider: connection.label(),
            account: account.words(),
            login,
        })
    })
}

fn was_parted(directory: &dyn Administration, user_id: &str) -> Result<bool, ApiError> {
    let entries = directory.journal(&JournalQuery {
        user_id: Some(user_id.to_owned()),
        limit: 100,
        ..JournalQuery::default()
    })?;
    Ok(entries.iter().any(|entry| entry.kind.separates_accounts()))
}

/// Reads the users and accounts of the configuration, then others, each once. Also
/// returns whether there are more.
fn read_users(config: &Config, directory: &dyn Administration) -> Result<(Vec<Arc<User>>, bool), ApiError> {
    let mut found: Vec<Arc<User>> = Vec::new();
    let mut take = |user: Arc<User>| {
        if found.iter().all(|known| known.user_id != user.user_id) {
            found.push(user);
        }
    };
    for seed in config.users.iter().take(USERS) {
        find_owner_of_seed(config, directory, seed)?.into_iter().for_each(&mut take);
    }
    for connection in &config.connections {
        for account in connection.accounts.iter().take(USERS) {
            find_owner_of_account(directory, connection, account)?.into_iter().for_each(&mut take);
        }
    }
    for stored in directory.page("", USERS + 1)? {
        take(stored.user);
    }
    let has_more = found.len() > USERS;
    found.truncate(USERS);
    Ok((found, has_more))
}

fn find_owner_of_seed(
    config: &Config,
    directory: &dyn Administration,
    seed: &SeedUser,
) -> Result<Option<Arc<User>>, ApiError> {
    let id = seed.user.user_id.split_once('|').map_or("", |(_, id)| id);
    config.connection(&seed.connection).map_or(Ok(None), |connection| find_owner(directory, connection, id))
}

fn find_owner_of_account(
    directory: &dyn Administration,
    connection: &Connection,
    account: &Account,
) -> Result<Option<Arc<User>>, ApiError> {
    find_owner(directory, connection, &connection.identity_id(&account.user_id))
}

fn find_owner(
    directory: &dyn Administration,
    connection: &Connection,
    id: &str,
) -> Result<Option<Arc<User>>, ApiError> {
    let key = IdentityKey { connection: &connection.name, provider: connection.provider(), user_id: id };
    match directory.owner(key) {
        Ok(stored) => Ok(stored.map(|stored| stored.user)),
        // Another connection's.
        Err(ApiError::Invalid(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn describe_user(config: &Config, user: &User) -> ListedUser {
    let masked = |text: &str| mask_addresses(text).into_owned();
    let has_password = user
        .identities
        .iter()
        .any(|identity| config.connection(&identity.connection).is_some_and(Connection::is_database));
    // A link reveals the address, so it is only made for addresses that need no mask.
    let email = user.email.as_deref().filter(|email| has_password && masked(email) == **email);
    let client = config.clients.iter().find(|client| client.is_for_browsers());
    ListedUser {
        log_in: client.zip(email).map(|(client, email)| log_in_path(&client.client_id, Some(email))),
        user_id: masked(&user.user_id),
        email: user.email.as_deref().map(masked),
        is_verified: user.email_verified.is_verified(),
        linked: user.identities.iter().skip(1).map(|it| masked(&it.as_user_id())).collect(),
    }
}
