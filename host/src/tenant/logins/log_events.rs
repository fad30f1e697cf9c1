//! The tenant's log events, in Auth0's format: the newest ones, in memory, without tokens and
//! secrets. They contain unmasked addresses, as user objects do; the tenant's own log masks
//! addresses.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::ambient::Ambient;
use crate::directory::Credential;
use crate::model::{User, truncate};
use crate::tenant::config::Config;
use crate::tenant::logins::context::{LoginRequest, RequestedLogin};
use crate::tenant::logins::outcome::{LoggedIn, NotLoggedIn};

/// The number of events that are kept.
const KEPT: usize = 2_000;
/// The maximum length of a text in an event, in bytes.
const TEXT: usize = 256;

/// The newest events, in order from the oldest to the newest.
pub(crate) struct Events {
    kept: Mutex<RecordedEvents>,
    ambient: Ambient,
}

#[derive(Default)]
struct RecordedEvents {
    events: VecDeque<Value>,
    last: u64,
}

/// An event under construction.
pub(crate) struct Event(Map<String, Value>);

/// The types of events, with Auth0's descriptions.
///
/// Source: Auth0, "Log event type codes".
const KINDS: [(&str, &str); 14] = [
    ("s", "Success Login"),
    ("ssa", "Success Silent Auth"),
    ("fsa", "Failed Silent Auth"),
    ("sepft", "Success Exchange (password for access token)"),
    ("sertft", "Success Exchange (refresh token for access token)"),
    ("f", "Failed Login"),
    ("fp", "Failed Login (incorrect password)"),
    ("fu", "Failed Login (invalid email or username)"),
    ("limit_wc", "Blocked Account"),
    ("ss", "Success Signup"),
    ("scp", "Success Change Password"),
    ("sv", "Success Verification Email"),
    ("sapi", "API Operation"),
    ("fapi", "Failed API Operation"),
];

impl Event {
    pub(crate) fn new(kind: &'static str) -> Self {
        let called = KINDS.iter().find(|(code, _)| *code == kind).map_or(kind, |(_, called)| *called);
        Self(Map::new()).with("type", kind).with("description", called)
    }

    /// Adds a text, truncated to the maximum length.
    pub(crate) fn with(mut self, key: &str, text: &str) -> Self {
        self.0.insert(key.to_owned(), truncate(text, TEXT).into());
        self
    }

    pub(crate) fn with_user(self, user: &User) -> Self {
        let name = user.email.as_deref().or_else(|| user.rest.get("name").and_then(Value::as_str));
        let this = self.with("user_id", &user.user_id);
        match name {
            Some(name) => this.with("user_name", name),
            None => this,
        }
    }

    pub(crate) fn with_connection(self, config: &Config, name: &str) -> Self {
        let Some(connection) = config.connection(name) else { return self.with("connection", name) };
        let kind = match () {
            () if connection.is_database() => "database",
            () if connection.is_passwordless() => "passwordless",
            () if connection.is_social() => "social",
            () => "enterprise",
        };
        let this = self.with("connection", name).with("connection_id", &connection.id);
        this.with("strategy", &connection.strategy).with("strategy_type", kind)
    }

    fn with_context(self, context: &LoginRequest<'_>) -> Self {
        let this =
            self.with("client_id", &context.client.client_id).with("client_name", &context.client.name);
        let this = this.with("ip", &context.sender.ip).with("hostname", &context.sender.hostname);
        match &context.sender.user_agent {
            Some(agent) => this.with("user_agent", agent),
            None => this,
        }
    }
}

/// A password that was refused.
#[derive(Clone, Copy)]
pub(crate) struct WrongPassword<'a> {
    /// The type of the event, if the typed login has a credential.
    pub(crate) kind: &'static str,
    pub(crate) connection: &'a str,
    /// The credential of the typed login.
    pub(crate) known: Option<&'a Credential>,
}

/// An event of a database account.
#[derive(Clone, Copy)]
pub(crate) struct AccountEvent<'a> {
    /// The type of the event.
    pub(crate) kind: &'static str,
    pub(crate) connection: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) email: &'a str,
}

/// A request of the Management API that changes data.
#[derive(Clone, Copy)]
pub(crate) struct RecordedRequest<'a> {
    /// The client id of the caller.
    pub(crate) client: &'a str,
    /// The id of the caller's user, if the token is a user's.
    pub(crate) user: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The status of the response.
    pub(crate) status: u16,
}

impl Events {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        Self { kept: Mutex::default(), ambient: ambient.clone() }
    }

    /// Stores an event, and removes the oldest one beyond the limit.
    pub(crate) fn add(&self, event: Event) {
        let Event(mut event) = event;
        let now = self.ambient.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        // IDs sort in the order of the events.
        let id = format!("900{:015}{:012}", now.as_millis(), kept.last);
        event.insert("_id".to_owned(), id.as_str().into());
        event.insert("log_id".to_owned(), id.into());
        event.insert("date".to_owned(), now.to_string().into());
        kept.events.push_back(Value::Object(event));
        if kept.events.len() > KEPT {
            kept.events.pop_front();
        }
    }

    /// Returns the events that match, the oldest first.
    pub(crate) fn list(&self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.events.iter().filter(|event| fits(event)).cloned().collect()
    }

    /// Records the result of a login. A prompt is not a result.
    pub(crate) fn record_login(
        &self,
        config: &Config,
        login: RequestedLogin<'_>,
        ended: &Result<LoggedIn, NotLoggedIn>,
    ) {
        let RequestedLogin { proved, context } = login;
        let is_silent =
            !context.interactive && context.answer.is_none() && context.protocol.starts_with("oidc");
        let kind = match (ended, context.protocol) {
            (Ok(LoggedIn::Prompted { .. }), _) => return,
            (Ok(_), _) if is_silent => "ssa",
            (Err(_), _) if is_silent => "fsa",
            (Ok(_), "oauth2-refresh-token") => "sertft",
            (Ok(_), "oauth2-password" | "oauth2-resource-owner") => "sepft",
            (Ok(_), _) => "s",
            (Err(_), _) => "f",
        };
        let event = Event::new(kind).with_connection(config, &proved.connection).with_context(context);
        self.add(match ended {
            Ok(LoggedIn::As(user)) => event.with_user(user),
            Ok(LoggedIn::Prompted { .. }) => return,
            Err(why) => event.with("description", &why.to_string()).with_user(&proved.user),
        });
    }

    /// Records a wrong password. The typed login is recorded only if it has a credential: otherwise
    /// it may be a password typed into the wrong field.
    pub(crate) fn record_wrong_password(&self, config: &Config, attempt: &WrongPassword<'_>) {
        let WrongPassword { kind, connection, known } = *attempt;
        let event = Event::new(if known.is_some() { kind } else { "fu" }).with_connection(config, connection);
        self.add(match known {
            Some(known) => {
                let name = known.email.as_ref().or(known.username.as_ref());
                let event = event.with("user_id", &format!("auth0|{}", known.user_id));
                name.into_iter().fold(event, |event, name| event.with("user_name", name))
            }
            None => event,
        });
    }

    /// Records an event of a database account.
    pub(crate) fn record_account_event(&self, config: &Config, event: &AccountEvent<'_>) {
        let AccountEvent { kind, connection, user_id, email } = *event;
        let event = Event::new(kind).with_connection(config, connection);
        self.add(event.with("user_id", user_id).with("user_name", email));
    }

    /// Records that a login has linked an account to another.
    pub(crate) fn record_link(&self, context: &LoginRequest<'_>, user_id: &str, primary: &str) {
        let Event(mut event) = Event::new("sapi").with("user_id", primary).with_context(context);
        event.insert("description".to_owned(), "Link a user account".into());
        event.insert("details".to_owned(), json!({ "linked": truncate(user_id, TEXT) }));
        self.add(Event(event));
    }

    /// Records that an address was verified.
    pub(crate) fn record_verification(&self, user_id: &str, email: &str) {
        self.add(Event::new("sv").with("user_id", user_id).with("user_name", email));
    }

    /// Records a Management API request that changes data.
    pub(crate) fn record_api_request(&self, request: &RecordedRequest<'_>) {
        let RecordedRequest { client, user, method, path, status } = *request;
        let Event(mut event) =
            Event::new(if status < 400 { "sapi" } else { "fapi" }).with("client_id", client);
        if let Some(user) = user {
            event.insert("user_id".to_owned(), truncate(user, TEXT).into());
        }
        event.insert("details".to_owned(), json!({
            "request": { "method": method, "path": truncate(path, TEXT) }, "response": { "statusCode": status },
        }));
        self.add(Event(event));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ambient::Ambient;
    use crate::tenant::logins::log_events::{Event, Events, KEPT};

    #[test]
    fn the_newest_are_kept_in_their_order_and_no_longer_than_they_may_be() {
        let events = Events::new(&Ambient::system());
        for n in 0..KEPT + 5 {
            events.add(
                Event::new("s").with("user_id", &format!("auth0|{n}")).with("user_agent", &"x".repeat(4096)),
            );
        }
        let all = events.list(|_| true);
        assert_eq!((all.len(), &all[0]["user_id"]), (KEPT, &json!("auth0|5")));
        assert!(all.is_sorted_by(|a, b| a["log_id"].as_str() < b["log_id"].as_str()));
        assert!(all.iter().all(|it| it.to_string().len() < 1024));
    }
}
