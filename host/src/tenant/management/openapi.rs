//! The document that describes the API to programs, made from its code.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi, OpenApiBuilder, Ref, RefOr};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::problem::ProblemBody;
use crate::login::{Identity, User};

/// What can happen to every request.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub(super) enum CommonRefusals {
    /// The URI, the query or the body is not as it should be, or asks for what cannot be
    #[response(status = 400)]
    Bad(#[to_schema] ProblemBody),
    /// The token is missing, or not good
    #[response(status = 401)]
    Token(#[to_schema] ProblemBody),
    /// The token does not allow this
    #[response(status = 403)]
    Scope(#[to_schema] ProblemBody),
    /// Too many requests
    #[response(status = 429)]
    TooMany(#[to_schema] ProblemBody),
}

/// A type of the domain, whose schema stands among the components.
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

referred!(UserObject, "User", "A user, or the fields of it that were asked for.");
referred!(IdentityObject, "Identity", "An identity of a user.");

/// Users, bare or in a page.
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

/// Connections, bare or in a page.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub(super) enum ConnectionList {
    Bare(Vec<ConnectionObject>),
    Page { connections: Vec<ConnectionObject> },
}

/// Text of any kind.
pub(super) fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// An id that some providers make of numbers.
pub(super) fn text_or_number() -> Schema {
    let of = |kind| ObjectBuilder::new().schema_type(kind);
    let text = of(Type::String).min_length(Some(1));
    AnyOfBuilder::new().item(text).item(of(Type::Integer)).into()
}

/// The document before the endpoints are in it.
pub(super) fn outline() -> OpenApi {
    let mut info = Info::new("Ligature, local tenant: Management API v2", env!("CARGO_PKG_VERSION"));
    info.description =
        Some("Users, their identities and connections, as Auth0's Management API has them.".to_owned());
    let mut components = Components::new();
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.bearer_format = Some("JWT".to_owned());
    components.add_security_scheme("token", SecurityScheme::Http(token));
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// The document as text.
pub(super) fn finished(openapi: &OpenApi) -> String {
    let mut document = serde_json::to_value(openapi).unwrap_or_default();
    let schemas = &mut document["components"]["schemas"];
    schemas["User"] = domain::<User>();
    schemas["Identity"] = domain::<Identity>();
    // `fields` may leave out any of them.
    schemas["User"]["required"] = json!([]);
    document.to_string()
}

/// A type's own schema, whole: `$ref`s into it would point nowhere here.
fn domain<T: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Value::Object(schema) = &mut schema {
        schema.remove("$schema");
    }
    schema
}
