//! The OpenAPI document of the Management API, generated from its code.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi, OpenApiBuilder, Ref, RefOr};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use crate::model::{Identity, User};
use crate::tenant::management::attributes::{FORBIDDEN, LENGTHS};
use crate::tenant::management::problem::ProblemBody;
use crate::tenant::management::schemas::NO_CONTROLS;
use crate::tenant::management_data::organizations::Organization;

/// The refusals that every endpoint can return.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub(super) enum CommonRefusals {
    /// The URI, the query or the body is invalid, or the operation is not supported
    #[response(status = 400)]
    Bad(#[to_schema] ProblemBody),
    /// The token is missing or invalid
    #[response(status = 401)]
    Token(#[to_schema] ProblemBody),
    /// The token does not allow this request
    #[response(status = 403)]
    Scope(#[to_schema] ProblemBody),
    /// Too many requests
    #[response(status = 429)]
    TooMany(#[to_schema] ProblemBody),
    /// The search took too long, or the directory does not respond
    #[response(status = 503)]
    Unavailable(#[to_schema] ProblemBody),
}

/// The refusals of a body that is JSON or a form.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub(super) enum BodyRefusals {
    /// The body is too large
    #[response(status = 413)]
    Large(#[to_schema] ProblemBody),
    /// The body is neither JSON nor a form
    #[response(status = 415)]
    MediaType(#[to_schema] ProblemBody),
}

/// Defines a type whose schema is a reference to a domain type among the document's components.
macro_rules! referred {
    ($name:ident, $to:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Serialize)]
        pub(super) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                Ref::from_schema_name($to).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}

referred!(UserObject, "User", "A user, or the requested fields of it.");
referred!(IdentityObject, "Identity", "An identity of a user.");

/// Users, as a bare array or in a page.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub(super) enum UserList {
    Bare(Vec<UserObject>),
    Page { start: u32, limit: u32, length: u32, total: u32, users: Vec<UserObject> },
}

/// A connection.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct ConnectionObject {
    id: String,
    name: String,
    strategy: String,
    #[schema(value_type = Object)]
    options: Value,
    #[schema(value_type = Object)]
    metadata: Value,
    realms: Vec<String>,
    enabled_clients: Vec<String>,
    is_domain_connection: bool,
}

/// Connections, as a bare array or in a page.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub(super) enum ConnectionList {
    Bare(Vec<ConnectionObject>),
    Page {
        connections: Vec<ConnectionObject>,
        start: Option<u32>,
        limit: Option<u32>,
        length: Option<u32>,
        total: Option<u32>,
        /// The checkpoint of the next page, in checkpoint paging; absent on the last page.
        next: Option<String>,
    },
}

/// Defines the type of a list response: a bare array of items, or a page of them.
macro_rules! list {
    ($list:ident of $item:ty, $name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Serialize, ToSchema)]
        #[serde(untagged)]
        #[allow(dead_code)]
        pub(super) enum $list {
            Bare(Vec<$item>),
            Page {
                $name: Vec<$item>,
                start: Option<u32>,
                limit: Option<u32>,
                length: Option<u32>,
                total: Option<u32>,
                /// The checkpoint of the next page, in checkpoint paging; absent on the last page.
                next: Option<String>,
            },
        }
    };
}

/// A client, or the fields of it that the request asks for.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct ClientObject {
    client_id: String,
    name: String,
    /// The client's secret. It is only shown with the scope `read:client_keys`.
    client_secret: Option<String>,
    global: bool,
    callbacks: Vec<String>,
    grant_types: Vec<String>,
}

/// A client grant: the scopes of an API that a client can get for itself, without a user.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct GrantObject {
    id: String,
    client_id: String,
    audience: String,
    scope: Vec<String>,
    subject_type: String,
}

/// A custom domain.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct CustomDomainObject {
    custom_domain_id: String,
    domain: String,
    primary: bool,
    status: String,
    r#type: String,
}

/// An API.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct ResourceServerObject {
    id: String,
    name: String,
    identifier: String,
    is_system: bool,
    #[schema(value_type = Vec<Object>)]
    scopes: Vec<Value>,
}

/// A user who has a role, or is a member of an organization.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct MemberObject {
    user_id: String,
    email: Option<String>,
    name: Option<String>,
    picture: Option<String>,
}

/// A permission. This tenant has none.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct PermissionObject {
    permission_name: String,
    resource_server_identifier: String,
}

/// A job.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct JobObject {
    id: String,
    r#type: String,
    /// `pending` in the response that begins the job; `completed` or `failed` once the job is
    /// finished.
    status: String,
    created_at: String,
    /// The file's address, if the job is an export.
    location: Option<String>,
    /// The numbers of users inserted, updated and failed, if the job is an import.
    #[schema(value_type = Option<Object>)]
    summary: Option<Value>,
}

/// A log event, or the fields of it that the request asks for.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub(super) struct LogObject {
    log_id: String,
    r#type: String,
    description: String,
    date: String,
    user_id: Option<String>,
    client_id: Option<String>,
    connection: Option<String>,
    ip: Option<String>,
}

list!(LogList of LogObject, logs, "Events, bare or in a page.");
list!(RoleList of crate::tenant::management_data::roles::Role, roles, "Roles, bare or in a page.");
list!(MemberList of MemberObject, users, "Users who have a role, bare or in a page.");
list!(CustomDomainList of CustomDomainObject, custom_domains, "Custom domains, bare or in a page.");
list!(OrganizationList of Organization, organizations, "Organizations, bare or in a page.");
list!(OrganizationMemberList of MemberObject, members, "Members of an organization, bare or in a page.");
list!(PermissionList of PermissionObject, permissions, "Permissions, bare or in a page.");
list!(ClientList of ClientObject, clients, "Clients, bare or in a page.");
list!(GrantList of GrantObject, client_grants, "Grants, bare or in a page.");
list!(ResourceServerList of ResourceServerObject, resource_servers, "APIs, bare or in a page.");

/// Returns the document without endpoints.
pub(super) fn new_document() -> OpenApi {
    let mut info = Info::new("Ligature, local tenant: Management API v2", env!("CARGO_PKG_VERSION"));
    info.description =
        Some("Users, their identities and connections, as Auth0's Management API has them.".to_owned());
    let mut components = Components::new();
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.bearer_format = Some("JWT".to_owned());
    components.add_security_scheme("token", SecurityScheme::Http(token));
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// Completes the document, and returns it as JSON text.
pub(super) fn finish_document(openapi: &OpenApi) -> String {
    let mut document = serde_json::to_value(openapi).unwrap_or_default();
    let schemas = &mut document["components"]["schemas"];
    schemas["User"] = domain::<User>();
    schemas["Identity"] = domain::<Identity>();
    schemas["User"]["properties"]["email_verified"] = json!({ "type": "boolean" });
    // No property is required, because `fields` can leave out any of them.
    schemas["User"]["required"] = json!([]);
    for shown in ["ConnectionObject", "ClientObject", "LogObject"] {
        schemas[shown]["required"] = json!([]);
    }
    schemas["LinkBody"]["minProperties"] = 1.into();
    for body in ["NewUser", "UserChange"] {
        restrict(&mut schemas[body]["properties"]);
    }
    for body in ["NewConnection", "ConnectionChange"] {
        let text = json!({ "type": "string", "maxLength": 255, "pattern": NO_CONTROLS });
        schemas[body]["properties"]["metadata"] = json!({
            "type": ["object", "null"], "maxProperties": 10, "propertyNames": text, "additionalProperties": text,
        });
    }
    for (path, method, status, name, link) in links() {
        document["paths"][path][method]["responses"][status]["links"][name] = link;
    }
    let operations = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operation) in operations.filter_map(|(_, path)| path.as_object_mut()).flatten() {
        for response in operation["responses"].as_object_mut().into_iter().flatten() {
            response.1["headers"] = rate_limit_headers();
        }
    }
    document.to_string()
}

/// Adds the constraints that the module `attributes` checks besides the lengths.
fn restrict(properties: &mut Value) {
    // `client_id` has no effect, and is not checked.
    for (name, _) in LENGTHS.into_iter().filter(|(name, _)| *name != "client_id") {
        if let Some(Value::Object(property)) = properties.get_mut(name) {
            property.insert("pattern".to_owned(), NO_CONTROLS.into());
        }
    }
    properties["user_metadata"]["propertyNames"] = json!({ "pattern": "^[^.$]*$" });
    properties["app_metadata"]["propertyNames"] =
        json!({ "pattern": "^[^.$]*$", "not": { "enum": FORBIDDEN } });
}

/// Returns the links of the document: for a response, the requests that can follow it.
fn links() -> Vec<(&'static str, &'static str, &'static str, &'static str, Value)> {
    const USERS: &str = "/api/v2/users";
    const IDENTITIES: &str = "/api/v2/users/{id}/identities";
    let user = |operation: &str, id: &str| json!({ "operationId": operation, "parameters": { "id": id } });
    let made = |operation: &str| user(operation, "$response.body#/user_id");
    let linked = json!({ "operationId": "delete_user_identity_by_user_id", "parameters": {
        "id": "$request.path.id", "provider": "$response.body#/1/provider", "user_id": "$response.body#/1/user_id" } });
    let connection =
        json!({ "operationId": "get_connections_by_id", "parameters": { "id": "$response.body#/0/id" } });
    vec![
        (USERS, "post", "201", "get", made("get_users_by_id")),
        (USERS, "post", "201", "update", made("patch_users_by_id")),
        (USERS, "post", "201", "delete", made("delete_users_by_id")),
        (USERS, "post", "201", "link", made("post_identities")),
        (USERS, "get", "200", "first", user("get_users_by_id", "$response.body#/0/user_id")),
        (IDENTITIES, "post", "201", "primary", user("get_users_by_id", "$request.path.id")),
        (IDENTITIES, "post", "201", "unlink", linked),
        ("/api/v2/connections", "get", "200", "first", connection),
    ]
}

/// Returns the rate limit headers of every response.
fn rate_limit_headers() -> Value {
    let number = |what: &str| json!({ "description": what, "schema": { "type": "integer", "minimum": 0 }, "required": true });
    json!({
        "x-ratelimit-limit": number("The number of requests allowed at once"),
        "x-ratelimit-remaining": number("The number of requests allowed now"),
        "x-ratelimit-reset": number("When the next request is allowed, in seconds since 1970"),
    })
}

/// Returns the schema of a domain type, with all subschemas inlined: a `$ref` into its own
/// definitions would not resolve in this document.
fn domain<T: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Value::Object(schema) = &mut schema {
        schema.remove("$schema");
    }
    schema
}
