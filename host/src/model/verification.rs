//! The verification of an address, as its source states it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The value of `email_verified`. Only JSON `true` counts as verified.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Verification {
    /// `true`.
    Verified,
    /// `false`.
    Unverified,
    /// The field is absent.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// Any other value, such as `"true"`.
    NotBoolean(Value),
}

impl Verification {
    /// Returns whether the value is `true`.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified)
    }

    /// Returns whether the field is absent.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl Serialize for Verification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Verified => serializer.serialize_bool(true),
            Self::Unverified => serializer.serialize_bool(false),
            Self::Absent | Self::Null => serializer.serialize_unit(),
            Self::NotBoolean(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Verification {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|held| Self::from(&held))
    }
}

impl From<&Value> for Verification {
    fn from(held: &Value) -> Self {
        match held {
            Value::Bool(true) => Self::Verified,
            Value::Bool(false) => Self::Unverified,
            Value::Null => Self::Null,
            other => Self::NotBoolean(other.clone()),
        }
    }
}

impl JsonSchema for Verification {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Verification".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A boolean; any other value is kept and never counts as true." })
    }
}
