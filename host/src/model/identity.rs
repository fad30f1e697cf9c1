//! The identities of a user.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::open_object::open_object;
use super::provider_tokens;

/// One way of logging in to a user. Unknown fields are kept, except for the tokens of
/// identity providers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Identity {
    /// The identity provider's type, such as `google-oauth2`.
    pub provider: String,
    /// The id at that provider, without the provider's prefix. A JSON number is accepted
    /// too, because some providers use numbers.
    pub user_id: String,
    /// The connection's name. Defaults to the provider's name.
    #[serde(default)]
    pub connection: String,
    /// Whether the connection is only assumed, because the import named none. The first
    /// login of the identity settles it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connection_assumed: bool,
    /// Whether the connection is a social one.
    #[serde(default, rename = "isSocial")]
    pub is_social: bool,
    /// The attributes of a linked identity.
    #[serde(default, rename = "profileData", skip_serializing_if = "Option::is_none")]
    pub profile_data: Option<Map<String, Value>>,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The identity as read from JSON, with an id that may be a number.
struct ReadIdentity {
    provider: String,
    user_id: DigitsOrText,
    connection: Option<String>,
    connection_assumed: bool,
    is_social: bool,
    profile_data: Option<Map<String, Value>>,
    rest: Map<String, Value>,
}

open_object!(ReadIdentity, "an identity object", {
    provider "provider",
    user_id "user_id",
} {
    connection "connection",
    connection_assumed "connection_assumed",
    is_social "isSocial",
    profile_data "profileData",
}, without_tokens);

impl ReadIdentity {
    fn without_tokens(mut self) -> Self {
        provider_tokens::drop_from_identity(&mut self.rest);
        self.rest.retain(|key, _| !provider_tokens::is_lifetime(key));
        if let Some(profile) = &mut self.profile_data {
            provider_tokens::drop_from_identity(profile);
        }
        self
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = ReadIdentity::deserialize(deserializer)?;
        Ok(Self {
            connection: read.connection.unwrap_or_else(|| read.provider.clone()),
            provider: read.provider,
            user_id: read.user_id.0,
            connection_assumed: read.connection_assumed,
            is_social: read.is_social,
            profile_data: read.profile_data,
            rest: read.rest,
        })
    }
}

/// The unique key of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityKey<'a> {
    /// The connection's name.
    pub connection: &'a str,
    /// The identity provider's type.
    pub provider: &'a str,
    /// The id at that provider, without the provider's prefix.
    pub user_id: &'a str,
}

impl Identity {
    /// The identity's unique key.
    #[must_use]
    pub fn key(&self) -> IdentityKey<'_> {
        IdentityKey { connection: &self.connection, provider: &self.provider, user_id: &self.user_id }
    }

    /// The user id of a user that has this as its primary identity.
    #[must_use]
    pub fn as_user_id(&self) -> String {
        [&self.provider, "|", &self.user_id].concat()
    }
}

/// An id that may be a JSON string or a whole number.
struct DigitsOrText(String);

impl<'de> Deserialize<'de> for DigitsOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = DigitsOrText;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(DigitsOrText(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(DigitsOrText(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(DigitsOrText(number.to_string()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
