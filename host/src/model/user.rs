//! Users and their identities, in the shape of Auth0's user object.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::open_object::open_object;
use super::{Connection, Metadata, Timestamp, Verification, provider_tokens};

/// A user, as the Management API returns it. Unknown fields are kept, but for
/// the tokens of identity providers.
///
/// Source: Auth0 Management API v2, `GET /api/v2/users/{id}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct User {
    /// `provider|id` of the primary identity.
    pub user_id: String,
    /// The address, as stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the address is verified.
    #[serde(default, skip_serializing_if = "Verification::is_absent")]
    pub email_verified: Verification,
    /// When the account was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the account last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// When the account last logged in; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Timestamp>,
    /// How often the account has logged in; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins_count: Option<u64>,
    /// Whether an administrator has blocked the account.
    #[schemars(with = "Option<bool>")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// The primary identity first, then the linked ones.
    #[schemars(with = "Option<Vec<Identity>>")]
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// What the user may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<Metadata>,
    /// What only administrators and policies may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_metadata: Option<Metadata>,
    /// Names of the account's roles. Not part of Auth0's user object, which has
    /// them at an endpoint of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Ids of the organizations the account is a member of. As with `roles`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<String>,
    /// Every other field, as it stood.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

const FIELDS: [&str; 13] = [
    "user_id",
    "email",
    "email_verified",
    "created_at",
    "updated_at",
    "last_login",
    "logins_count",
    "blocked",
    "identities",
    "user_metadata",
    "app_metadata",
    "roles",
    "organizations",
];

open_object!(User, "a user object", {
    user_id "user_id",
} {
    email "email",
    created_at "created_at",
    updated_at "updated_at",
    last_login "last_login",
    logins_count "logins_count",
    blocked "blocked",
    identities "identities",
    user_metadata "user_metadata",
    app_metadata "app_metadata",
    roles "roles",
    organizations "organizations",
} as_it_stands {
    email_verified "email_verified",
}, without_tokens);

impl User {
    /// Whether this key of the JSON object is a field of its own here, and so
    /// never among `rest`.
    pub(super) fn has_field(key: &str) -> bool {
        FIELDS.contains(&key)
    }

    fn without_tokens(mut self) -> Self {
        provider_tokens::drop_from(&mut self.rest);
        self
    }

    /// Adds the roles that the user does not have yet.
    pub(crate) fn add_roles<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            if self.roles.iter().all(|known| known != name) {
                self.roles.push(name.to_owned());
            }
        }
    }

    /// Names of the factors enrolled for MFA, from `enrolledFactors` (the
    /// event's), `multifactor` (the user object's) and `mfa_factors` (the import
    /// format's). What is not of the documented form is a factor without a name.
    #[must_use]
    pub fn mfa_factors(&self) -> Vec<String> {
        let list = |key| match self.rest.get(key) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(Value::Null | Value::Bool(false)) | None => &[],
            Some(other) => std::slice::from_ref(other),
        };
        let name = |factor: &Value| match factor {
            Value::String(name) => Some(name.clone()),
            Value::Object(fields) => {
                let kind = fields.get("type").or_else(|| fields.get("method"));
                let kind = kind.and_then(Value::as_str).or(fields.keys().next().map(String::as_str));
                Some(kind.unwrap_or("unnamed").to_owned())
            }
            Value::Null | Value::Bool(false) => None,
            _ => Some("unnamed".to_owned()),
        };
        let keys = ["enrolledFactors", "multifactor", "mfa_factors"];
        let mut names: Vec<String> = keys.into_iter().flat_map(list).filter_map(name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Takes the user's own identity to be of this connection, if it does not
    /// say otherwise: none of the identities is of the connection, and the own
    /// one names no other than its provider, which is the connection's strategy
    /// where that is known.
    pub(crate) fn assume_connection(&mut self, connection: &Connection) {
        let is_own = |it: &Identity| self.user_id.split_once('|') == Some((&it.provider, &it.user_id));
        if self.identities.iter().any(|it| it.connection == connection.name) {
            return;
        }
        if let Some(own) = self.identities.first_mut()
            && is_own(own)
            && own.connection == own.provider
            && (connection.strategy.is_empty() || connection.strategy == own.provider)
        {
            own.connection.clone_from(&connection.name);
        }
    }

    /// A user always has its own identity first: one made from the user id if
    /// the object held none. The connection is then taken to be `connection`.
    #[must_use]
    pub fn with_own_identity(mut self, connection: &str) -> Self {
        let own = self.identities.iter().position(|it| it.as_user_id() == self.user_id);
        if let Some(own) = own {
            self.identities[..=own].rotate_right(1);
        }
        if self.identities.is_empty()
            && let Some((provider, id)) = self.user_id.split_once('|')
        {
            self.identities.push(Identity {
                provider: provider.to_owned(),
                user_id: id.to_owned(),
                connection: if connection.is_empty() { provider } else { connection }.to_owned(),
                ..Identity::default()
            });
        }
        self
    }
}

/// One way of logging in to a user. Unknown fields are kept, but for the tokens
/// of identity providers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Identity {
    /// The identity provider's type, such as `google-oauth2`.
    pub provider: String,
    /// The id at that provider, without the provider's prefix. Read from a
    /// number too, which some providers use.
    pub user_id: String,
    /// The connection's name; the provider's where the object names none.
    #[serde(default)]
    pub connection: String,
    /// Whether the connection is only assumed, because what the user was imported
    /// from names none. The first login of the identity settles it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connection_assumed: bool,
    /// Whether the connection is a social one.
    #[serde(default, rename = "isSocial")]
    pub is_social: bool,
    /// The attributes that came with a linked identity.
    #[serde(default, rename = "profileData", skip_serializing_if = "Option::is_none")]
    pub profile_data: Option<Map<String, Value>>,
    /// Every other field, as it stood.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An identity as it is read, before a number has become text.
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

/// What tells an identity from every other.
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
    /// What tells it from every other.
    #[must_use]
    pub fn key(&self) -> IdentityKey<'_> {
        IdentityKey { connection: &self.connection, provider: &self.provider, user_id: &self.user_id }
    }

    /// The user id of a user whose primary identity this is.
    #[must_use]
    pub fn as_user_id(&self) -> String {
        [&self.provider, "|", &self.user_id].concat()
    }
}

/// Whether a connection can have this name.
///
/// Source: Auth0 Management API v2, `POST /api/v2/connections`, `name`.
#[must_use]
pub fn is_connection_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// An id that providers write as text or as a number.
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

#[cfg(test)]
mod tests {
    use super::{Identity, User};
    use crate::model::Verification;

    #[test]
    fn what_a_user_object_holds_comes_back_out() {
        let text = r#"{"user_id":"auth0|1","email_verified":"true","identities":[],"favourite":{"n":1.50}}"#;
        let user: User = serde_json::from_str(text).unwrap();
        let again = serde_json::to_value(&user).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn an_error_says_where_it_is() {
        let error =
            serde_json::from_str::<User>("{\"user_id\":\"auth0|1\",\n \"blocked\": \"yes\"}").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 17));
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let text = r#"{"user_id":"auth0|1","email_verified":false,"email_verified":true}"#;
        let error = serde_json::from_str::<User>(text).unwrap_err();
        assert!(error.to_string().contains("duplicate field `email_verified`"), "{error}");
    }

    #[test]
    fn a_numeric_id_is_text() {
        let identity: Identity = serde_json::from_str(r#"{"provider":"github","user_id":123}"#).unwrap();
        assert_eq!((identity.user_id.as_str(), identity.connection.as_str()), ("123", "github"));
    }

    #[test]
    fn no_token_of_a_provider_is_kept() {
        let user: User = serde_json::from_str(
            r#"{"user_id": "github|1", "accessToken": "s3cret", "multifactor": [{"id_token": "s3cret"}],
                "identities": [{"provider": "github", "user_id": 1, "access_token": "s3cret", "expires_in": 3600,
                    "refreshToken": "s3cret", "userId": "1", "access_token_secret": "s3cret",
                    "profileData": {"name": "Ada", "Refresh-Token": "s3cret", "deep": {"idToken": "s3cret"}}}],
                "user_metadata": {"access_token": "the user's own affair"}}"#,
        )
        .unwrap();
        let text = serde_json::to_string(&user).unwrap();
        assert!(!text.contains("s3cret") && !text.contains("expires_in"), "{text}");
        assert!(text.contains("userId") && text.contains("Ada") && text.contains("own affair"), "{text}");
    }

    /// As Auth0's exports have them.
    #[test]
    fn a_null_is_read_as_absent() {
        let keys = [
            "email",
            "created_at",
            "updated_at",
            "last_login",
            "logins_count",
            "blocked",
            "identities",
            "user_metadata",
            "app_metadata",
            "roles",
            "organizations",
        ];
        for key in keys {
            let user: User =
                serde_json::from_str(&format!(r#"{{"user_id": "auth0|1", "{key}": null}}"#)).unwrap();
            assert_eq!(user, User { user_id: "auth0|1".to_owned(), ..User::default() }, "{key}");
        }
        let identity: Identity = serde_json::from_str(
            r#"{"provider": "github", "user_id": 1, "connection": null, "isSocial": null, "profileData": null}"#,
        )
        .unwrap();
        assert_eq!((identity.connection.as_str(), identity.is_social), ("github", false));
        // That a word on the address is missing is told otherwise than that it is null.
        let user: User = serde_json::from_str(r#"{"user_id": "auth0|1", "email_verified": null}"#).unwrap();
        assert_eq!(user.email_verified, Verification::Null);
    }

    #[test]
    fn factors_come_from_both_places() {
        let text = r#"{"user_id":"a|1","multifactor":["guardian"],"enrolledFactors":[{"type":"otp"},{"method":"email"}]}"#;
        let user: User = serde_json::from_str(text).unwrap();
        assert_eq!(user.mfa_factors(), ["email", "guardian", "otp"]);
        let factors = |fields: &str| {
            let text = format!(r#"{{"user_id":"a|1",{fields}}}"#);
            serde_json::from_str::<User>(&text).unwrap().mfa_factors()
        };
        assert_eq!(factors(r#""multifactor":"guardian""#), ["guardian"]);
        assert_eq!(factors(r#""enrolledFactors":true,"multifactor":[1]"#), ["unnamed"]);
        assert_eq!(factors(r#""mfa_factors":[{"totp":{}}]"#), ["totp"]);
        assert!(factors(r#""multifactor":[],"enrolledFactors":null"#).is_empty());
    }

    #[test]
    fn a_user_id_is_split_at_the_first_bar_only() {
        let user: User = serde_json::from_str(r#"{"user_id":"samlp|conn|ada@example.com"}"#).unwrap();
        let identity = &user.with_own_identity("conn").identities[0];
        assert_eq!(
            (identity.provider.as_str(), identity.user_id.as_str()),
            ("samlp", "conn|ada@example.com")
        );
    }
}
