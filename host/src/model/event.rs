//! A login that waits for its decision: Auth0's post-login event.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::open_object::open_object;
use super::roles::roles_of;
use super::{Identity, Timestamp, User, provider_tokens};

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
    /// How the user has proved who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// The transaction that the login belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Transaction>,
    /// Every other field, as it stood.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
    #[serde(skip)]
    account: Arc<User>,
    /// The identity that has logged in, where the event was of another user
    /// before: its provider and its id.
    #[serde(skip)]
    used: Option<(String, String)>,
}

/// An event as it is read, before its account is known.
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
        // A login never assumes: only an import does, and nobody may bring the mark
        // along that would let another connection in.
        read.user.identities.iter_mut().for_each(|it| it.connection_assumed = false);
        Self {
            account: Arc::new(account(&read)),
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

/// The event's user, with what only the event knows of it.
fn account(event: &ReadEvent) -> User {
    let mut user = event.user.clone().with_own_identity(&event.connection.name);
    user.assume_connection(&event.connection);
    let roles = event.rest.get("authorization").map(roles_of).unwrap_or_default();
    user.add_roles(roles.iter().map(String::as_str));
    if user.logins_count.is_none() {
        user.logins_count =
            event.rest.get("stats").and_then(|it| it.get("logins_count")).and_then(Value::as_u64);
    }
    user
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Connection {
    /// The id, such as `con_0000000000000001`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The name, such as `google-oauth2`.
    pub name: String,
    /// The strategy, such as `google-oauth2` or `auth0`.
    #[serde(default)]
    pub strategy: String,
    /// Every other field, as it stood.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Connection, "a connection object", {
    name "name",
} {
    id "id",
    strategy "strategy",
});

/// An application.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Client {
    /// The client id.
    pub client_id: String,
    /// The name shown to users.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Every other field, as it stood.
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
    /// Every other field, as it stood.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Organization, "an organization object", {
    id "id",
} {
    name "name",
});

/// What the login rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Authentication {
    /// The methods that succeeded, in order.
    #[serde(default)]
    pub methods: Vec<AuthenticationMethod>,
    /// Every other field, as it stood.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Authentication, "an authentication object", {} {
    methods "methods",
});

/// One proof of identity.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct AuthenticationMethod {
    /// `federated`, `pwd`, `passkey`, `sms`, `email`, `phone_number`, `mfa`, or
    /// the URL of a custom method.
    pub name: String,
    /// When it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// With `mfa`, the factor.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// Every other field, as it stood.
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
    /// Every other field, as it stood.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Transaction, "a transaction object", {} {
    protocol "protocol",
    prompt "prompt",
});

impl LoginEvent {
    /// A login of this account through this connection. `rest` is what else
    /// Auth0's event says: `request`, `stats`, `tenant`, …
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

    /// The user as a directory would hold it: what the event alone knows of the
    /// account (its roles, its own identity, its count of logins) filled in.
    #[must_use]
    pub fn account(&self) -> &Arc<User> {
        &self.account
    }

    /// The identity that has logged in: the one of the event's connection, the
    /// user's own where none is. None if the user's id is no id.
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

    /// The same login as this user's.
    #[must_use]
    pub fn of_user(mut self, user: Arc<User>) -> Self {
        let used = self.identity().map(|it| (it.provider.clone(), it.user_id.clone()));
        self.used = used;
        self.user = User::clone(&user);
        self.account = user;
        self
    }

    /// The rest of the event, as a plugin may see it: without the user, which
    /// it gets anyway, the tenant's secrets, the tokens of identity providers,
    /// and what the browser sent, in which codes and passwords can stand.
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
        // Auth0's event describes its own refresh token in an object, by an id.
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
