//! Clients (applications), their grants, and the tenant's APIs, as configured in `tenant.toml`.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use crate::tenant::config::{Client, Config, derive_id_with_prefix};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::{Caller, ManagementCall};
use crate::tenant::management::openapi::{
    ClientList, ClientObject, CommonRefusals, GrantList, ResourceServerList,
};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::{ValidQuery, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::user_json::FieldSelection;

/// The secret fields of a client.
const SECRETS: [&str; 1] = ["client_secret"];

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Field names, separated by commas.
    #[param(schema_with = crate::tenant::management::schemas::field_names)]
    fields: Option<String>,
    /// Whether to show only these fields (the default), or all others.
    include_fields: Option<bool>,
    /// The number of the page, from 0.
    #[param(minimum = 0, maximum = 1000)]
    page: Option<u32>,
    /// The number of clients per page.
    #[param(minimum = 1, maximum = 100)]
    per_page: Option<u32>,
    /// Whether the response includes the total.
    include_totals: Option<bool>,
    /// The checkpoint to continue from: `next` of the page before.
    from: Option<String>,
    /// The number of items per page, in checkpoint paging.
    #[param(minimum = 1, maximum = 100)]
    take: Option<u32>,
    /// Whether to list only the global client, or all other clients (the default).
    is_global: Option<bool>,
    /// Whether to list first-party clients. All clients are, so `false` gives an empty list.
    is_first_party: Option<bool>,
    /// Types of clients (`app_type`), separated by commas.
    app_type: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FieldsQuery {
    /// Field names, separated by commas.
    #[param(schema_with = crate::tenant::management::schemas::field_names)]
    fields: Option<String>,
    /// Whether to show only these fields (the default), or all others.
    include_fields: Option<bool>,
}

/// List clients
#[utoipa::path(get, path = "/api/v2/clients", operation_id = "get_clients", tag = "clients", params(ListQuery),
    security(("token" = ["read:clients"]), ("token" = ["read:client_keys"])),
    responses((status = 200, description = "Clients, or a page of them; secrets with read:client_keys only", body = ClientList),
              CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    ValidQuery(params): ValidQuery<ListQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:clients", "read:client_keys"])?;
    let fields = FieldSelection::parse(params.fields.as_deref(), params.include_fields)?;
    let ListQuery { page, per_page, include_totals, from, take, .. } = params;
    let query = PageQuery { page, per_page, include_totals, from, take };
    let kinds: Option<Vec<&str>> = params.app_type.as_ref().map(|kinds| kinds.split(',').collect());
    let mut clients: Vec<Map<String, Value>> = if params.is_global == Some(true) {
        vec![render_global_client(&tenant.config)]
    } else {
        tenant.config.clients.iter().map(|client| show_client(&tenant.config, client)).collect()
    };
    if params.is_first_party == Some(false) {
        clients.clear();
    }
    let is_of_kind = |client: &Map<String, Value>| {
        kinds
            .as_ref()
            .is_none_or(|kinds| kinds.iter().any(|kind| client.get("app_type") == Some(&json!(kind))))
    };
    clients.retain(is_of_kind);
    let clients: Vec<Value> =
        clients.into_iter().map(|client| Value::Object(without_secrets(client, &caller))).collect();
    let mut answer = query.select_page(&clients, "clients", "client_id")?;
    let page = if answer.is_array() { Some(&mut answer) } else { answer.get_mut("clients") };
    for client in page.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
        fields.apply(client);
    }
    Ok(Json(answer))
}

/// Get a client
#[utoipa::path(get, path = "/api/v2/clients/{id}", operation_id = "get_clients_by_id", tag = "clients",
    params(("id" = String, Path, description = "The client's id"), FieldsQuery),
    security(("token" = ["read:clients"]), ("token" = ["read:client_keys"])),
    responses((status = 200, description = "The client; its secret with read:client_keys only", body = ClientObject),
              (status = 404, description = "There is no such client", body = ProblemBody), CommonRefusals))]
pub(super) async fn get(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    ValidQuery(query): ValidQuery<FieldsQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:clients", "read:client_keys"])?;
    let fields = FieldSelection::parse(query.fields.as_deref(), query.include_fields)?;
    let id = read_path(path)?;
    let client = tenant.config.client(&id).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "The client does not exist", "inexistent_client")
    })?;
    let mut client = without_secrets(show_client(&tenant.config, client), &caller);
    fields.apply(&mut client);
    Ok(Json(Value::Object(client)))
}

fn without_secrets(mut client: Map<String, Value>, caller: &Caller) -> Map<String, Value> {
    if !caller.has("read:client_keys") {
        SECRETS.iter().for_each(|secret| drop(client.remove(*secret)));
    }
    client
}

fn kind(client: &Client) -> &'static str {
    let only_itself = client.grant_types.iter().all(|grant| grant == "client_credentials");
    match client.client_secret {
        None => "spa",
        Some(_) if only_itself => "non_interactive",
        Some(_) => "regular_web",
    }
}

fn show_client(config: &Config, client: &Client) -> Map<String, Value> {
    let lifetimes = &config.lifetimes;
    let object = json!({
        "tenant": config.name, "global": false, "is_first_party": true, "oidc_conformant": true,
        "client_id": client.client_id, "name": client.name, "description": "", "app_type": kind(client),
        "callbacks": client.callbacks, "allowed_logout_urls": client.logout_urls,
        "web_origins": client.origins, "allowed_origins": client.origins, "grant_types": client.grant_types,
        "client_metadata": client.metadata, "cross_origin_authentication": true,
        "token_endpoint_auth_method": if client.client_secret.is_some() { "client_secret_post" } else { "none" },
        "jwt_configuration": { "alg": "RS256", "lifetime_in_seconds": lifetimes.id_token, "secret_encoded": false },
        "refresh_token": {
            "rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0,
            "token_lifetime": lifetimes.refresh_token, "idle_token_lifetime": lifetimes.refresh_token,
            "infinite_token_lifetime": false, "infinite_idle_token_lifetime": false,
        },
    });
    let Value::Object(mut object) = object else { return Map::new() };
    if let Some(secret) = &client.client_secret {
        object.insert("client_secret".to_owned(), secret.as_str().into());
    }
    object
}

/// Returns the global client, which represents all applications. Some programs look for it. No
/// user can log in to it, and it has neither a secret nor a login page.
fn render_global_client(config: &Config) -> Map<String, Value> {
    let object = json!({
        "tenant": config.name, "global": true, "name": "All Applications",
        "client_id": derive_id_with_prefix("", &format!("{}\nall applications", config.name)),
        "callbacks": [], "is_first_party": true, "custom_login_page_on": false,
    });
    if let Value::Object(object) = object { object } else { Map::new() }
}

/// List client grants
#[utoipa::path(get, path = "/api/v2/client-grants", operation_id = "get_client_grants", tag = "client-grants",
    params(GrantQuery), security(("token" = ["read:client_grants"])),
    responses((status = 200, description = "The client grants: the scopes that clients have at APIs", body = GrantList),
              CommonRefusals))]
pub(super) async fn list_grants(
    ManagementCall { caller, visit: Visit { tenant, issuer, .. } }: ManagementCall,
    ValidQuery(query): ValidQuery<GrantQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:client_grants"])?;
    let management = tenant.signing.hosts.management_audience(&issuer);
    let mut grants = Vec::new();
    for client in tenant.config.clients.iter().filter(|it| it.allows_grant("client_credentials")) {
        let own = (management.as_str(), &client.scopes);
        let apis = tenant.config.apis.iter().map(|api| (api.identifier.as_str(), &api.scopes));
        for (audience, scope) in std::iter::once(own).chain(apis) {
            let is_asked = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|it| it == is);
            if is_asked(&query.client_id, &client.client_id) && is_asked(&query.audience, audience) {
                // The audience of the Management API contains a host name. It is left out, so that the id is
                // the same for every issuer.
                let constant = if audience == management { "api/v2/" } else { audience };
                let name = format!("{}\n{constant}", client.client_id);
                grants.push(json!({
                    "id": derive_id_with_prefix("cgr_", &name), "client_id": client.client_id, "audience": audience,
                    "scope": scope, "subject_type": "client",
                }));
            }
        }
    }
    let GrantQuery { page, per_page, include_totals, from, take, .. } = query;
    PageQuery { page, per_page, include_totals, from, take }
        .select_page(&grants, "client_grants", "id")
        .map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GrantQuery {
    /// The id of a client: lists only its grants.
    client_id: Option<String>,
    /// The audience of an API: lists only the grants for it.
    audience: Option<String>,
    /// The number of the page, from 0.
    #[param(minimum = 0, maximum = 1000)]
    page: Option<u32>,
    /// The number of grants per page.
    #[param(minimum = 1, maximum = 100)]
    per_page: Option<u32>,
    /// Whether the response includes the total.
    include_totals: Option<bool>,
    /// The checkpoint to continue from: `next` of the page before.
    from: Option<String>,
    /// The number of items per page, in checkpoint paging.
    #[param(minimum = 1, maximum = 100)]
    take: Option<u32>,
}

/// List APIs
#[utoipa::path(get, path = "/api/v2/resource-servers", operation_id = "get_resource_servers", tag = "resource-servers",
    params(PageQuery), security(("token" = ["read:resource_servers"])),
    responses((status = 200, description = "The Management API and the tenant's own, or a page of them", body = ResourceServerList),
              CommonRefusals))]
pub(super) async fn resource_servers(
    ManagementCall { caller, visit: Visit { tenant, issuer, .. } }: ManagementCall,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:resource_servers"])?;
    let lifetimes = &tenant.config.lifetimes;
    let scopes = |scopes: &[String]| scopes.iter().map(|it| json!({ "value": it })).collect::<Value>();
    let mut used: Vec<String> =
        tenant.config.clients.iter().flat_map(|client| client.scopes.clone()).collect();
    used.sort_unstable();
    used.dedup();
    let mut servers = vec![json!({
        "id": derive_id_with_prefix("", "api/v2/"), "name": "Auth0 Management API", "identifier": tenant.signing.hosts.management_audience(&issuer),
        "is_system": true, "signing_alg": "RS256", "token_lifetime": lifetimes.management_token,
        "scopes": scopes(&used),
    })];
    servers.extend(tenant.config.apis.iter().map(|api| {
        json!({
            "id": derive_id_with_prefix("", &api.identifier), "name": api.identifier, "identifier": api.identifier,
            "is_system": false, "signing_alg": "RS256", "token_lifetime": lifetimes.access_token,
            "scopes": scopes(&api.scopes),
        })
    }));
    query.select_page(&servers, "resource_servers", "id").map(Json)
}
