//! Lists with an index are described and written as what they are read from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use crate::{
    ByName, ConnectionGroups, LinkedOrganizations, MetadataKeys, MetadataRule, Names, TrustedConnection,
    TrustedConnections,
};

macro_rules! read_from {
    ($($type:ty, $read_from:ty, $write:ident $(, $value:ident)?;)+) => {$(
        impl $(<$value: JsonSchema>)? JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                <$read_from>::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                <$read_from>::json_schema(generator)
            }
        }

        impl $(<$value: Serialize>)? Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.$write(self.iter())
            }
        }
    )+};
}

read_from! {
    Names, Vec<String>, collect_seq;
    TrustedConnections, Vec<TrustedConnection>, collect_seq;
    LinkedOrganizations, Vec<Vec<String>>, collect_seq;
    ConnectionGroups, BTreeMap<String, Vec<String>>, collect_map;
    MetadataKeys, BTreeMap<String, MetadataRule>, collect_map;
    ByName<V>, BTreeMap<String, V>, collect_map, V;
}
