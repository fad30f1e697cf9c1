//! Reading connections: programs look up their ids.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::model::Metadata;
use crate::tenant::config::{Config, Connection};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::openapi::{CommonRefusals, ConnectionList, ConnectionObject};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::{ValidQuery, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::user_json::FieldSelection;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// The name of a connection: lists only that one.
    name: Option<String>,
    /// The strategy of the connections to list.
    strategy: Option<String>,
    /// The number of the page, from 0.
    #[param(minimum = 0, maximum = 1000)]
    page: Option<u32>,
    /// The number of connections per page.
    #[param(minimum = 1, maximum = 100)]
    per_page: Option<u32>,
    /// Whether the response includes the total.
    include_totals: Option<bool>,
    /// The id of the connection after which the page starts.
    from: Option<String>,
    /// The number of items per page, in checkpoint paging.
    #[param(minimum = 1, maximum = 100)]
    take: Option<u32>,
    /// Field names, separated by commas.
    #[param(schema_with = crate::tenant::management::schemas::field_names)]
    fields: Option<String>,
    /// Whether to show only these fields (the default), or all others.
    include_fields: Option<bool>,
}

/// List connections
#[utoipa::path(get, path = "/api/v2/connections", operation_id = "get_connections", tag = "connections",
    params(ListQuery), security(("token" = ["read:connections"])),
    responses((status = 200, description = "Connections, or a page of them", body = ConnectionList), CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:connections"])?;
    if query.page.is_some_and(|page| page > 1000) {
        return Err(Problem::query("Value 1000 is the greatest allowed on property page"));
    }
    if [query.per_page, query.take].into_iter().flatten().any(|it| !(1..=100).contains(&it)) {
        return Err(Problem::query("expected a number from 1 to 100 on property per_page or take"));
    }
    let fields = FieldSelection::parse(query.fields.as_deref(), query.include_fields)?;
    let shown = |connection: &Connection| {
        let mut shown = render_connection(&tenant.config, connection);
        if let Value::Object(shown) = &mut shown {
            fields.apply(shown);
        }
        shown
    };
    let wanted = |it: &&Connection| {
        query.name.as_ref().is_none_or(|name| *name == it.name)
            && query.strategy.as_ref().is_none_or(|strategy| *strategy == it.strategy)
    };
    let all: Vec<&Connection> = tenant.config.connections().filter(wanted).collect();
    if query.take.is_some() || query.from.is_some() {
        let start = query
            .from
            .as_ref()
            .and_then(|from| all.iter().position(|it| it.id == *from))
            .map_or(0, |it| it + 1);
        let taken: Vec<&Connection> =
            all[start..].iter().take(query.take.unwrap_or(50) as usize).copied().collect();
        let mut answer = json!({ "connections": taken.iter().map(|it| shown(it)).collect::<Vec<_>>() });
        if let (Some(last), Value::Object(answer)) =
            (taken.last().filter(|_| start + taken.len() < all.len()), &mut answer)
        {
            answer.insert("next".to_owned(), last.id.as_str().into());
        }
        return Ok(Json(answer));
    }
    let per_page = query.per_page.unwrap_or(50) as usize;
    let start = query.page.unwrap_or(0) as usize * per_page;
    let page: Vec<Value> = all.iter().skip(start).take(per_page).map(|it| shown(it)).collect();
    Ok(Json(match query.include_totals {
        Some(true) => {
            json!({ "start": start, "limit": per_page, "length": page.len(), "total": all.len(), "connections": page })
        }
        _ => Value::Array(page),
    }))
}

/// Get a connection
#[utoipa::path(get, path = "/api/v2/connections/{id}", operation_id = "get_connections_by_id", tag = "connections",
    params(("id" = String, Path, description = "The connection's id")), security(("token" = ["read:connections"])),
    responses((status = 200, description = "The connection", body = ConnectionObject),
              (status = 404, description = "There is no such connection", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn get(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:connections"])?;
    let id = read_path(path)?;
    let connection = tenant.config.connections().find(|it| it.id == id);
    connection.map(|it| Json(render_connection(&tenant.config, it))).ok_or_else(inexistent_connection)
}

pub(super) fn inexistent_connection() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "The connection does not exist", "inexistent_connection")
}

/// Returns the JSON of a connection. Every connection is enabled for every client.
pub(super) fn render_connection(config: &Config, connection: &Connection) -> Value {
    let clients: Vec<&str> = config.clients.iter().map(|client| client.client_id.as_str()).collect();
    let made = config.created.iter().find(|it| it.connection.id == connection.id);
    let mut options = made.map(|it| it.options.clone()).unwrap_or_default();
    options.extend(effective_options(connection));
    let mut shown = json!({
        "id": connection.id, "name": connection.name, "strategy": connection.strategy,
        "options": options, "metadata": connection.metadata, "realms": [connection.name],
        "enabled_clients": clients, "is_domain_connection": false,
    });
    if !connection.display_name.is_empty() {
        shown["display_name"] = connection.display_name.as_str().into();
    }
    shown
}

/// Returns the options that have an effect in this tenant, with their values.
fn effective_options(connection: &Connection) -> Metadata {
    let options = if connection.is_database() {
        json!({
            "disable_signup": !connection.sign_up, "requires_username": connection.requires_username,
            "brute_force_protection": true,
        })
    } else if connection.is_passwordless() {
        json!({ "disable_signup": false, "brute_force_protection": true })
    } else {
        json!({ "set_user_root_attributes": "on_each_login" })
    };
    if let Value::Object(options) = options { options } else { Metadata::new() }
}

/// List a connection's clients
///
/// Every connection is enabled for every client.
#[utoipa::path(get, path = "/api/v2/connections/{id}/clients", operation_id = "get_connection_clients",
    tag = "connections", params(("id" = String, Path, description = "The connection's id"), PageQuery),
    security(("token" = ["read:connections"])),
    responses((status = 200, description = "The clients", body = Object),
              (status = 404, description = "There is no such connection", body = ProblemBody), CommonRefusals))]
pub(super) async fn list_clients(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:connections"])?;
    let id = read_path(path)?;
    if !tenant.config.connections().any(|it| it.id == id) {
        return Err(inexistent_connection());
    }
    let clients = &tenant.config.clients;
    let clients: Vec<Value> = clients.iter().map(|it| json!({ "client_id": it.client_id })).collect();
    // This list supports checkpoint paging only.
    let query = PageQuery { take: query.take.or(Some(50)), ..query };
    query.select_page(&clients, "clients", "client_id").map(Json)
}
