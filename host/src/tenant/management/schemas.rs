//! The OpenAPI schemas of values that several endpoints take.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::tenant::config::strategies;
use crate::tenant::management::path::UserId;

/// A pattern for text without control characters.
pub(super) const NO_CONTROLS: &str = r"^[^\x00-\x1F\x7F-\x9F]*$";

impl PartialSchema for UserId {
    fn schema() -> RefOr<Schema> {
        let pattern = r"^[^|\x00-\x1F\x7F-\x9F]+\|[^\x00-\x1F\x7F-\x9F]+$";
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
    }
}

impl ToSchema for UserId {}

/// The name of an identity provider.
pub(super) struct ProviderName;

impl PartialSchema for ProviderName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(strategies())).into()
    }
}

impl ToSchema for ProviderName {}

/// Returns the schema of a connection's strategy.
pub(super) fn strategy() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(strategies())).into()
}

/// Returns the schema of any text.
pub(super) fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// Returns the schema of field names, separated by commas. An empty text is the same as an
/// absent parameter.
pub(super) fn field_names() -> Schema {
    let pattern = "^( *[A-Za-z0-9_.-]+ *(, *[A-Za-z0-9_.-]+ *)*)?$";
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}

/// Returns the schema of an account's id, which is a number at some providers.
pub(super) fn text_or_number() -> Schema {
    let of = |kind| ObjectBuilder::new().schema_type(kind);
    let text = of(Type::String).min_length(Some(1)).pattern(Some(NO_CONTROLS));
    let number = of(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
    AnyOfBuilder::new().item(text).item(number).item(of(Type::Null)).into()
}
