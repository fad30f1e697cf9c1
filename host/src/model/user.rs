//! Users and their identities, in the shape of Auth0's user object.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::open_object::open_object;
use super::{Connection, Identity, Metadata, Timestamp, Verification, provider_tokens};

/// A user, as the Management API returns it. Unknown fields are kept, except for the
/// tokens of identity providers.
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
    /// The number of logins of the account; absent if there was none.
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
    /// Metadata that the user may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<Metadata>,
    /// Metadata that only administrators and policies may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_metadata: Option<Metadata>,
    /// The names of the account's roles. Auth0's user object lacks them: they have an
    /// endpoint of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The ids of the organizations that the account is a member of. As with `roles`,
    /// Auth0's user object lacks them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<String>,
    /// All other fields, unchanged.
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
    /// Returns whether this JSON key is a field of the struct, and so never in `rest`.
    pub(super) fn has_field(key: &str) -> bool {
        FIELDS.contains(&key)
    }

    fn without_tokens(mut self) -> Self {
        provider_tokens::drop_from(&mut self.rest);
        self
    }

    /// Adds the roles that the user lacks.
    pub(crate) fn add_roles<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            if self.roles.iter().all(|known| known != name) {
                self.roles.push(name.to_owned());
            }
        }
    }

    /// The names of the factors enrolled for MFA, from `enrolledFactors` (event),
    /// `multifactor` (user object) and `mfa_factors` (import format). An entry that is
    /// not of the documented form counts as a factor without a name.
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

    /// Assigns the user's own identity to this connection, unless the user says
    /// otherwise. It is assigned if no identity is of the connection, if the own
    /// identity's connection is just its provider's name, and if the connection's
    /// strategy is that provider or unknown.
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

    /// Returns the user with its own identity first. If the user has no identities, one
    /// is made from the user id, with `connection` as its connection.
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

    /// The address of one of the user's identities: the root address for its own
    /// identity, the address in the profile for a linked one.
    pub(crate) fn address_of(&self, identity: &Identity) -> Option<&str> {
        if identity.as_user_id() == self.user_id {
            return self.email.as_deref();
        }
        let known = self.identities.iter().find(|it| it.key() == identity.key());
        known?.profile_data.as_ref()?.get("email")?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::{FIELDS, User};
    use crate::model::{Identity, Verification};

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

    /// Auth0's exports contain such nulls.
    #[test]
    fn a_null_is_read_as_absent() {
        let keys = FIELDS.iter().filter(|key| !["user_id", "email_verified"].contains(key));
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
        // An absent verification is distinguished from a null one.
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
