//! The event of a login that is to be decided: Auth0's post-login event.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::open_object::open_object;
use super::roles::role_names;
use super::{Connection, Identity, Timestamp, User, provider_tokens};

/// A post-login event, in Auth0's shape. Unknown fields are kept.
///
/// Source: Auth0 Actions, post-login trigger, event object.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LoginEvent {
    /// The account that has just logged in.
    pub user: User,
    /// The connection it came through.
    pub connection: Connection,
    /// The application it logs in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// The organization it logs in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// The methods by which the user was authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// The transaction that the login belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Transaction>,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
    #[serde(skip)]
    account: Arc<User>,
    /// The provider and the id of the identity that has logged in, once
    /// [`LoginEvent::with_user`] has replaced the user.
    #[serde(skip)]
    used: Option<(String, String)>,
}

/// The event as read from JSON, before its account is derived.
struct ReadEvent {
    user: User,
    connection: Connection,
    client: Option<Client>,
    organization: Option<Organization>,
    authentication: Option<Authentication>,
    transaction: Option<Transaction>,
    rest: Map<String, Value>,
}

open_object!(ReadEvent, "a post-login event object", {
    user "user",
    connection "connection",
} {
    client "client",
    organization "organization",
    authentication "authentication",
    transaction "transaction",
});

impl<'de> Deserialize<'de> for LoginEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadEvent::deserialize(deserializer).map(Self::from)
    }
}

impl From<ReadEvent> for LoginEvent {
    fn from(mut read: ReadEvent) -> Self {
        // Only an import assumes connections. An event must not bring the mark, which
        // would let another connection in.
        read.user.identities.iter_mut().for_each(|it| it.connection_assumed = false);
        Self {
            account: Arc::new(account_of_event(&read)),
            user: read.user,
            connection: read.connection,
            client: read.client,
            organization: read.organization,
            authentication: read.authentication,
            transaction: read.transaction,
            rest: read.rest,
            used: None,
        }
    }
}

/// Returns the event's user, completed by the event's other fields.
fn account_of_event(event: &ReadEvent) -> User {
    let mut user = event.user.clone().with_own_identity(&event.connection.name);
    user.assume_connection(&event.connection);
    let roles = event.rest.get("authorization").map(role_names).unwrap_or_default();
    user.add_roles(roles.iter().map(String::as_str));
    if user.logins_count.is_none() {
        user.logins_count =
            event.rest.get("stats").and_then(|it| it.get("logins_count")).and_then(Value::as_u64);
    }
    user
}

/// An application.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Client {
    /// The client id.
    pub client_id: String,
    /// The name shown to users.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Client, "a client object", {
    client_id "client_id",
} {
    name "name",
});

/// An organization.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Organization {
    /// The id, such as `org_0000000000000001`.
    pub id: String,
    /// The name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Organization, "an organization object", {
    id "id",
} {
    name "name",
});

/// The methods by which a user was authenticated.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Authentication {
    /// The methods that succeeded, in order.
    #[serde(default)]
    pub methods: Vec<AuthenticationMethod>,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Authentication, "an authentication object", {} {
    methods "methods",
});

/// One authentication method that succeeded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct AuthenticationMethod {
    /// `federated`, `pwd`, `passkey`, `sms`, `email`, `phone_number`, `mfa`, or
    /// the URL of a custom method.
    pub name: String,
    /// When it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// With `mfa`, the factor.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(AuthenticationMethod, "an authentication method object", {
    name "name",
} {
    timestamp "timestamp",
    factor "type",
});

/// The transaction of a login.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Transaction {
    /// The protocol, such as `oidc-basic-profile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The `prompt` parameter's values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<String>,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Transaction, "a transaction object", {} {
    protocol "protocol",
    prompt "prompt",
});

impl LoginEvent {
    /// Creates the event of a login of this account through this connection. `rest`
    /// holds the other fields of Auth0's event: `request`, `stats`, `tenant`, …
    #[must_use]
    pub fn new(user: User, connection: Connection, rest: Map<String, Value>) -> Self {
        let read = ReadEvent {
            user,
            connection,
            client: None,
            organization: None,
            authentication: None,
            transaction: None,
            rest,
        };
        Self::from(read)
    }

    /// The user as a directory would hold it. Its roles, its own identity and its
    /// count of logins are filled in from the event.
    #[must_use]
    pub fn account(&self) -> &Arc<User> {
        &self.account
    }

    /// The identity that has logged in: the one of the event's connection, otherwise
    /// the user's own. None if the `user_id` is malformed.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        let identities = &self.account.identities;
        let is_used = |it: &&Identity| match &self.used {
            Some((provider, id)) => it.provider == *provider && it.user_id == *id,
            None => it.connection == self.connection.name,
        };
        let used = identities.iter().find(is_used);
        used.or(identities.first())
    }

    /// Replaces the user. The identity that has logged in stays the same.
    #[must_use]
    pub fn with_user(mut self, user: Arc<User>) -> Self {
        let used = self.identity().map(|it| (it.provider.clone(), it.user_id.clone()));
        self.used = used;
        self.user = User::clone(&user);
        self.account = user;
        self
    }

    /// The provider and the id of the identity that has logged in, if
    /// [`LoginEvent::with_user`] has replaced the user. JSON does not hold them.
    pub(crate) fn used_identity(&self) -> Option<(&str, &str)> {
        self.used.as_ref().map(|(provider, id)| (provider.as_str(), id.as_str()))
    }

    /// Restores an event whose user had been replaced, after it was read from JSON.
    pub(crate) fn restore(mut self, provider: &str, id: &str) -> Self {
        self.used = Some((provider.to_owned(), id.to_owned()));
        self.account = Arc::new(self.user.clone());
        self
    }

    /// The rest of the event, as a plugin may see it. Left out are the user, whom the
    /// plugin gets separately, the tenant's secrets, the tokens of identity
    /// providers, and the browser's request, which may hold codes and passwords.
    #[must_use]
    pub fn context(&self) -> Map<String, Value> {
        let mut whole = match serde_json::to_value(self) {
            Ok(Value::Object(whole)) => whole,
            _ => Map::new(),
        };
        whole.remove("user");
        whole.remove("secrets");
        if let Some(Value::Object(request)) = whole.get_mut("request") {
            request.remove("body");
            request.remove("query");
        }
        // In Auth0's event, `refresh_token` is an object that describes the token by an id.
        let mut described = whole.remove("refresh_token");
        provider_tokens::drop_from(&mut whole);
        if let Some(Value::Object(fields)) = &mut described {
            provider_tokens::drop_from(fields);
        }
        whole.extend(described.filter(Value::is_object).map(|it| ("refresh_token".to_owned(), it)));
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::LoginEvent;

    const EVENT: &str = r#"{
        "user": {"user_id": "google-oauth2|2", "email": "ada@example.com", "email_verified": true},
        "connection": {"name": "google-oauth2", "strategy": "google-oauth2", "metadata": {"a": "b"}},
        "secrets": {"TOKEN": "s3cret"},
        "authorization": {"roles": ["reader"]},
        "stats": {"logins_count": 3},
        "request": {"ip": "192.0.2.1", "body": {"password": "hunter2"}, "query": {"code": "c0de"}}
    }"#;

    #[test]
    fn a_plugin_sees_no_secret() {
        let event: LoginEvent = serde_json::from_str(EVENT).unwrap();
        let context = serde_json::to_string(&event.context()).unwrap();
        assert_eq!(
            context,
            r#"{"authorization":{"roles":["reader"]},"connection":{"metadata":{"a":"b"},"name":"google-oauth2","strategy":"google-oauth2"},"request":{"ip":"192.0.2.1"},"stats":{"logins_count":3}}"#
        );
    }

    #[test]
    fn a_plugin_sees_no_token() {
        let context = |refresh_token: &str| {
            let event: LoginEvent = serde_json::from_str(&format!(
                r#"{{"user": {{"user_id": "github|2"}}, "connection": {{"name": "github", "idToken": "s3cret"}},
                    "session": {{"device": [{{"access_token": "s3cret"}}]}}, "refresh_token": {refresh_token}}}"#
            ))
            .unwrap();
            serde_json::to_string(&event.context()).unwrap()
        };
        let text = context(r#"{"id": "rt_1", "token": "s3cret"}"#);
        assert!(text.contains(r#""refresh_token":{"id":"rt_1"}"#) && !text.contains("s3cret"), "{text}");
        assert!(!context(r#""s3cret""#).contains("refresh_token"));
    }

    #[test]
    fn what_only_the_event_knows_is_in_the_account() {
        let event: LoginEvent = serde_json::from_str(EVENT).unwrap();
        let account = event.account();
        assert_eq!(account.roles, ["reader"]);
        assert_eq!(account.logins_count, Some(3));
        assert_eq!(account.identities[0].as_user_id(), "google-oauth2|2");
    }

    #[test]
    fn the_events_roles_are_added_to_the_users() {
        let event: LoginEvent = serde_json::from_str(
            r#"{"user": {"user_id": "auth0|1", "roles": ["reader", "editor"]}, "connection": {"name": "db"},
                "authorization": {"roles": ["editor", "admin", {"id": "rol_1", "name": "owner"}, 7]}}"#,
        )
        .unwrap();
        assert_eq!(event.account().roles, ["reader", "editor", "admin", "owner"]);
    }

    #[test]
    fn unknown_fields_are_kept() {
        let event: LoginEvent = serde_json::from_str(EVENT).unwrap();
        let value = serde_json::to_value(&event).unwrap();
        assert_eq!(value["connection"]["metadata"]["a"], "b");
        assert_eq!(value["request"]["body"]["password"], "hunter2");
    }
}
