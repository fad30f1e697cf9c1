//! Creating, changing and removing connections. Connections created here last as long as the
//! process. Connections in `tenant.toml` can only be changed in that file.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::directory::Administration;
use crate::model::{Metadata, is_connection_name};
use crate::random::Random;
use crate::tenant::config::{Config, Connection, CreatedConnection, CreationError, is_strategy};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::{Body, Items};
use crate::tenant::management::connections::{inexistent_connection, render_connection};
use crate::tenant::management::openapi::{BodyRefusals, CommonRefusals, ConnectionObject};
use crate::tenant::management::path::read_path;
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::scan::each_user;
use crate::tenant::management::tickets::require_client;
use crate::tenant::management::users::delete_user;
use crate::tenant::people::People;

/// The largest size of the options, in bytes.
const OPTIONS: usize = 16 << 10;
/// The most pairs in a connection's metadata, and the most characters of each key and value.
///
/// Source: Auth0, "Connection metadata".
const METADATA: (usize, usize) = (10, 255);

/// A connection to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewConnection {
    #[schema(pattern = "^[A-Za-z0-9]([A-Za-z0-9-]{0,126}[A-Za-z0-9])?$")]
    name: String,
    #[schema(schema_with = crate::tenant::management::schemas::strategy)]
    strategy: String,
    #[schema(min_length = 1, max_length = 128, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    display_name: Option<String>,
    /// Stored and shown without secrets. Only `disable_signup` and `requires_username` of a
    /// database have an effect.
    #[schema(value_type = Option<Object>)]
    options: Option<Metadata>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Metadata>,
    /// Accepted without effect: every connection is enabled for every client.
    #[serde(rename = "enabled_clients")]
    #[schema(rename = "enabled_clients")]
    _enabled_clients: Option<Vec<String>>,
    /// Accepted without effect: the connection's name is its only realm.
    #[serde(rename = "realms")]
    #[schema(rename = "realms")]
    _realms: Option<Vec<String>>,
    /// Accepted without effect.
    #[serde(rename = "is_domain_connection")]
    #[schema(rename = "is_domain_connection")]
    _is_domain_connection: Option<bool>,
    /// Accepted without effect.
    #[serde(rename = "show_as_button")]
    #[schema(rename = "show_as_button")]
    _show_as_button: Option<bool>,
}

/// The fields of a connection to change.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConnectionChange {
    #[schema(min_length = 1, max_length = 128, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    display_name: Option<String>,
    /// Stored and shown without secrets. Only `disable_signup` and `requires_username` of a
    /// database have an effect.
    #[schema(value_type = Option<Object>)]
    options: Option<Metadata>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Metadata>,
    /// Accepted without effect: every connection is enabled for every client.
    #[serde(rename = "enabled_clients")]
    #[schema(rename = "enabled_clients")]
    _enabled_clients: Option<Vec<String>>,
    /// Accepted without effect: the connection's name is its only realm.
    #[serde(rename = "realms")]
    #[schema(rename = "realms")]
    _realms: Option<Vec<String>>,
    /// Accepted without effect.
    #[serde(rename = "is_domain_connection")]
    #[schema(rename = "is_domain_connection")]
    _is_domain_connection: Option<bool>,
    /// Accepted without effect.
    #[serde(rename = "show_as_button")]
    #[schema(rename = "show_as_button")]
    _show_as_button: Option<bool>,
}

impl ConnectionChange {
    fn check(&self) -> Result<(), Problem> {
        if let Some(name) = &self.display_name {
            let length = name.chars().count();
            if !(1..=128).contains(&length) || name.chars().any(char::is_control) {
                return Err(Problem::body("expected 1 to 128 characters on property display_name"));
            }
        }
        let bytes = self.options.as_ref().map_or(0, |it| json!(it).to_string().len());
        if bytes > OPTIONS {
            return Err(Problem::body(&format!("options are too large ({bytes} bytes), maximum {OPTIONS}")));
        }
        let (pairs, characters) = METADATA;
        let fits = |text: &str| text.chars().count() <= characters && !text.chars().any(char::is_control);
        let metadata = self.metadata.iter().flatten();
        if self.metadata.as_ref().is_some_and(|it| it.len() > pairs)
            || metadata.into_iter().any(|(key, value)| !fits(key) || !value.as_str().is_some_and(fits))
        {
            return Err(Problem::body("metadata: expected up to 10 texts of up to 255 characters"));
        }
        Ok(())
    }

    /// Returns the connection with this change applied; `before` is the connection to change, if
    /// any.
    fn apply_change(
        self,
        NamedStrategy { name, strategy }: NamedStrategy<'_>,
        before: Option<&CreatedConnection>,
        random: &dyn Random,
    ) -> Result<CreatedConnection, Problem> {
        self.check()?;
        let known = before.map(|it| &it.connection);
        let options = self.options.or_else(|| before.map(|it| it.options.clone())).unwrap_or_default();
        let flag =
            |key: &str, otherwise: bool| options.get(key).and_then(Value::as_bool).unwrap_or(otherwise);
        let connection = json!({
            "name": name, "strategy": strategy,
            "id": known.map_or_else(|| format!("con_{}", &random.object_id()[..16]), |it| it.id.clone()),
            "sign_up": !flag("disable_signup", known.is_some_and(|it| !it.sign_up)),
            "requires_username": flag("requires_username", known.is_some_and(|it| it.requires_username)),
            "display_name": self.display_name.or_else(|| known.map(|it| it.display_name.clone())).unwrap_or_default(),
            "metadata": self.metadata.or_else(|| known.map(|it| it.metadata.clone())).unwrap_or_default(),
        });
        let connection: Connection =
            serde_json::from_value(connection).map_err(|error| Problem::body(&error.to_string()))?;
        Ok(CreatedConnection::new(connection, without_secrets(options)))
    }
}

/// The name of a connection, and its strategy.
struct NamedStrategy<'a> {
    name: &'a str,
    strategy: &'a str,
}

/// Removes the secrets from the options: a stand-in provider does not use them.
fn without_secrets(options: Metadata) -> Metadata {
    let is_secret = |key: &str| {
        let key = key.to_ascii_lowercase();
        [
            "secret",
            "private",
            "key",
            "token",
            "pass",
            "pwd",
            "credential",
            "bearer",
            "configuration",
            "connection_string",
        ]
        .iter()
        .any(|part| key.contains(part))
    };
    let kept = options.into_iter().filter(|(key, _)| !is_secret(key));
    kept.map(|(key, value)| {
        let value = match value {
            Value::Object(object) => Value::Object(without_secrets(object)),
            Value::Array(items) => items
                .into_iter()
                .map(
                    |item| {
                        if let Value::Object(it) = item { Value::Object(without_secrets(it)) } else { item }
                    },
                )
                .collect(),
            other => other,
        };
        (key, value)
    })
    .collect()
}

fn name_is_taken() -> Problem {
    let message = "A connection with the same name already exists";
    Problem::new(StatusCode::CONFLICT, message, "connection_conflict")
}

impl From<CreationError> for Problem {
    fn from(why: CreationError) -> Self {
        match why {
            CreationError::Full => {
                Self::operation("Connections were made or changed too often; start the tenant again.")
            }
            CreationError::Taken => name_is_taken(),
            CreationError::Gone => inexistent_connection(),
        }
    }
}

/// Returns a connection that this API has created. Refuses other connections.
fn find_created<'a>(config: &'a Config, id: &str) -> Result<&'a CreatedConnection, Problem> {
    if let Some(made) = config.created.iter().find(|it| it.connection.id == id) {
        return Ok(made);
    }
    if config.connections().any(|it| it.id == id) {
        return Err(Problem::operation("The connection is from tenant.toml and can only be changed there."));
    }
    Err(inexistent_connection())
}

/// Create a connection
///
/// The connection lasts as long as the process. Unless it is a database or a passwordless
/// connection, it is a stand-in for the provider: a page that asks which user to log in as.
#[utoipa::path(post, path = "/api/v2/connections", operation_id = "post_connections", tag = "connections",
    request_body = NewConnection, security(("token" = ["create:connections"])),
    responses((status = 201, description = "The connection", body = ConnectionObject),
              (status = 409, description = "There is a connection of that name", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn create(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&["create:connections"])?;
    let NewConnection { name, strategy, display_name, options, metadata, .. } = body.deserialize()?;
    let change = ConnectionChange { display_name, options, metadata, ..ConnectionChange::default() };
    if !is_connection_name(&name) {
        return Err(Problem::body("expected up to 128 letters, digits and - between them on property name"));
    }
    if !is_strategy(&strategy) {
        return Err(Problem::body("there is no such strategy on property strategy"));
    }
    if tenant.config.connection(&name).is_some() {
        return Err(name_is_taken());
    }
    let made = change.apply_change(
        NamedStrategy { name: &name, strategy: &strategy },
        None,
        tenant.ambient.random(),
    )?;
    let connection = made.connection.clone();
    tenant.config.created.add(made)?;
    tracing::info!(target: "audit", client = caller.client_id, connection = name, "a connection was created");
    Ok((StatusCode::CREATED, Json(render_connection(&tenant.config, &connection))))
}

/// Change a connection
#[utoipa::path(patch, path = "/api/v2/connections/{id}", operation_id = "patch_connections_by_id", tag = "connections",
    params(("id" = String, Path, description = "The connection's id")), request_body = ConnectionChange,
    security(("token" = ["update:connections"])),
    responses((status = 200, description = "The connection", body = ConnectionObject),
              (status = 404, description = "There is no such connection", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn update(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    caller.require(&["update:connections"])?;
    let id = read_path(path)?;
    let change: ConnectionChange = body.deserialize()?;
    let before = find_created(&tenant.config, &id)?;
    let after = change.apply_change(
        NamedStrategy { name: &before.connection.name, strategy: &before.connection.strategy },
        Some(before),
        tenant.ambient.random(),
    )?;
    let connection = after.connection.clone();
    tenant.config.created.replace(after)?;
    tracing::info!(target: "audit", client = caller.client_id, connection = connection.name, "a connection was changed");
    Ok(Json(render_connection(&tenant.config, &connection)))
}

/// A client, and whether it may use the connection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientStatus {
    client_id: String,
    status: bool,
}

/// Enable a connection for clients
///
/// Every connection is enabled for every client, and cannot be disabled for any.
#[utoipa::path(patch, path = "/api/v2/connections/{id}/clients", operation_id = "patch_clients", tag = "connections",
    params(("id" = String, Path, description = "The connection's id")), request_body = Vec<ClientStatus>,
    security(("token" = ["update:connections"])),
    responses((status = 204, description = "The clients may use the connection"),
              (status = 404, description = "There is no such connection, or no such client", body = ProblemBody),
              (status = 413, description = "The body is too large", body = ProblemBody),
              (status = 415, description = "The body is not JSON", body = ProblemBody), CommonRefusals))]
pub(super) async fn enable(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    Items(clients): Items<ClientStatus>,
) -> Result<StatusCode, Problem> {
    caller.require(&["update:connections"])?;
    let id = read_path(path)?;
    if !tenant.config.connections().any(|it| it.id == id) {
        return Err(inexistent_connection());
    }
    clients.iter().try_for_each(|it| require_client(&tenant.config, Some(&it.client_id)))?;
    if clients.iter().any(|it| !it.status) {
        return Err(Problem::operation("Every connection of this tenant is for every client."));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a connection
///
/// Removes the connection's users too. If one of them is linked with an identity of another
/// connection, the request is refused and nothing is removed.
#[utoipa::path(delete, path = "/api/v2/connections/{id}", operation_id = "delete_connections_by_id", tag = "connections",
    params(("id" = String, Path, description = "The connection's id")), security(("token" = ["delete:connections"])),
    responses((status = 204, description = "There is no such connection any more"),
              (status = 404, description = "There is no such connection", body = ProblemBody),
              (status = 409, description = "Users of it are linked to others", body = ProblemBody), CommonRefusals))]
pub(super) async fn delete(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&["delete:connections"])?;
    let id = read_path(path)?;
    let (name, users) = visit
        .run(move |Visit { tenant, .. }| {
            remove_connection(&tenant.config, &*tenant.directory, &tenant.people, &id)
        })
        .await?;
    tracing::info!(target: "audit", client = caller.client_id, connection = name, users, "a connection was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a connection and its users. Returns the connection's name, and the number of users
/// removed.
fn remove_connection(
    config: &Config,
    directory: &dyn Administration,
    people: &People,
    id: &str,
) -> Result<(String, usize), Problem> {
    let name = find_created(config, id)?.connection.name.clone();
    let mut members = Vec::new();
    each_user(directory, |stored| {
        let identities = &stored.user.identities;
        let of_it = identities.iter().filter(|it| it.connection == name).count();
        if of_it > 0 && of_it < identities.len() {
            let message = "Users of this connection are linked with identities of others; unlink them first.";
            return Err(Problem::new(StatusCode::CONFLICT, message, "connection_in_use"));
        }
        if of_it > 0 {
            members.push(stored.user.user_id.clone());
        }
        Ok(true)
    })?;
    // Remove the connection first, so that its users cannot log in while they are deleted.
    config.created.remove(id);
    members.iter().try_for_each(|user| delete_user(directory, people, user))?;
    Ok((name, members.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tenant::management::connection_changes::without_secrets;

    #[test]
    fn options_are_shown_without_secrets() {
        let options = json!({ "client_id": "a", "client_secret": "b", "a": [{ "apiKey": 1, "b": { "token": 2, "c": 3 } }] });
        let shown = without_secrets(options.as_object().unwrap().clone());
        assert_eq!(json!(shown), json!({ "client_id": "a", "a": [{ "b": { "c": 3 } }] }));
    }
}
