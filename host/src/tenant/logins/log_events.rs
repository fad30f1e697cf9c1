//! The tenant's events, as Auth0's log tells them: the newest ones, in memory,
//! without tokens and secrets. They hold whole addresses, as the users
//! themselves do; the tenant's own log masks them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::ambient::Ambient;
use crate::directory::Credential;
use crate::model::{User, cut};
use crate::tenant::logins::log_in::{Around, LoggedIn, NotLoggedIn};
use crate::tenant::people::proved::Proved;
use crate::tenant::state::Tenant;

/// Events that are kept.
const KEPT: usize = 2_000;
/// The longest text of an event, in bytes.
const TEXT: usize = 256;

/// The newest events, the oldest first.
pub(crate) struct Events {
    kept: Mutex<Kept>,
    ambient: Ambient,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Value>,
    last: u64,
}

/// An event that is being written.
pub(crate) struct Event(Map<String, Value>);

/// Types of events, with what Auth0 calls them.
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

    /// Adds a text, as much of it as an event may hold.
    pub(crate) fn with(mut self, key: &str, text: &str) -> Self {
        self.0.insert(key.to_owned(), cut(text, TEXT).into());
        self
    }

    pub(crate) fn of_user(self, user: &User) -> Self {
        let name = user.email.as_deref().or_else(|| user.rest.get("name").and_then(Value::as_str));
        let this = self.with("user_id", &user.user_id);
        match name {
            Some(name) => this.with("user_name", name),
            None => this,
        }
    }

    pub(crate) fn at_connection(self, tenant: &Tenant, name: &str) -> Self {
        let Some(connection) = tenant.config.connection(name) else { return self.with("connection", name) };
        let kind = match () {
            () if connection.is_database() => "database",
            () if connection.is_passwordless() => "passwordless",
            () if connection.is_social() => "social",
            () => "enterprise",
        };
        let this = self.with("connection", name).with("connection_id", &connection.id);
        this.with("strategy", &connection.strategy).with("strategy_type", kind)
    }

    fn within(self, around: &Around<'_>) -> Self {
        let this = self.with("client_id", &around.client.client_id).with("client_name", &around.client.name);
        let this = this.with("ip", &around.sender.ip).with("hostname", &around.sender.hostname);
        match &around.sender.user_agent {
            Some(agent) => this.with("user_agent", agent),
            None => this,
        }
    }
}

impl Events {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        Self { kept: Mutex::default(), ambient: ambient.clone() }
    }

    pub(crate) fn add(&self, event: Event) {
        let Event(mut event) = event;
        let now = self.ambient.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        // They sort as they happened.
        let id = format!("900{:015}{:012}", now.as_millis(), kept.last);
        event.insert("_id".to_owned(), id.as_str().into());
        event.insert("log_id".to_owned(), id.into());
        event.insert("date".to_owned(), now.to_string().into());
        kept.events.push_back(Value::Object(event));
        if kept.events.len() > KEPT {
            kept.events.pop_front();
        }
    }

    /// The events that fit, the oldest first.
    pub(crate) fn all(&self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.events.iter().filter(|event| fits(event)).cloned().collect()
    }

    /// How a login ended. A question is no end.
    pub(crate) fn logged_in(
        &self,
        tenant: &Tenant,
        (proved, around): (&Proved, &Around<'_>),
        ended: &Result<LoggedIn, NotLoggedIn>,
    ) {
        let is_silent = !around.interactive && around.answer.is_none() && around.protocol.starts_with("oidc");
        let kind = match (ended, around.protocol) {
            (Ok(LoggedIn::Asked { .. }), _) => return,
            (Ok(_), _) if is_silent => "ssa",
            (Err(_), _) if is_silent => "fsa",
            (Ok(_), "oauth2-refresh-token") => "sertft",
            (Ok(_), "oauth2-password" | "oauth2-resource-owner") => "sepft",
            (Ok(_), _) => "s",
            (Err(_), _) => "f",
        };
        let event = Event::new(kind).at_connection(tenant, &proved.connection).within(around);
        self.add(match ended {
            Ok(LoggedIn::As(user)) => event.of_user(user),
            Ok(LoggedIn::Asked { .. }) => return,
            Err(why) => event.with("description", &why.to_string()).of_user(&proved.user),
        });
    }

    /// A password was wrong. What was typed for nobody is not kept: it may be a
    /// password.
    pub(crate) fn wrong_password(
        &self,
        tenant: &Tenant,
        (kind, connection): (&'static str, &str),
        known: Option<&Credential>,
    ) {
        let event = Event::new(if known.is_some() { kind } else { "fu" }).at_connection(tenant, connection);
        self.add(match known {
            Some(known) => {
                let name = known.email.as_ref().or(known.username.as_ref());
                let event = event.with("user_id", &format!("auth0|{}", known.user_id));
                name.into_iter().fold(event, |event, name| event.with("user_name", name))
            }
            None => event,
        });
    }

    /// Something was done to an account of a database.
    pub(crate) fn of_account(&self, tenant: &Tenant, kind: &'static str, user: (&str, &str, &str)) {
        let (connection, user_id, email) = user;
        let event = Event::new(kind).at_connection(tenant, connection);
        self.add(event.with("user_id", user_id).with("user_name", email));
    }

    /// A login has made one account an identity of another.
    pub(crate) fn linked(&self, around: &Around<'_>, user_id: &str, primary: &str) {
        let Event(mut event) = Event::new("sapi").with("user_id", primary).within(around);
        event.insert("description".to_owned(), "Link a user account".into());
        event.insert("details".to_owned(), json!({ "linked": cut(user_id, TEXT) }));
        self.add(Event(event));
    }

    /// An address was verified.
    pub(crate) fn verified(&self, user_id: &str, email: &str) {
        self.add(Event::new("sv").with("user_id", user_id).with("user_name", email));
    }

    /// A request that changes something was answered.
    pub(crate) fn of_api(&self, caller: (&str, Option<&str>), request: (&str, &str), status: u16) {
        let ((client, user), (method, path)) = (caller, request);
        let Event(mut event) =
            Event::new(if status < 400 { "sapi" } else { "fapi" }).with("client_id", client);
        if let Some(user) = user {
            event.insert("user_id".to_owned(), cut(user, TEXT).into());
        }
        event.insert("details".to_owned(), json!({
            "request": { "method": method, "path": cut(path, TEXT) }, "response": { "statusCode": status },
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
        let all = events.all(|_| true);
        assert_eq!((all.len(), &all[0]["user_id"]), (KEPT, &json!("auth0|5")));
        assert!(all.is_sorted_by(|a, b| a["log_id"].as_str() < b["log_id"].as_str()));
        assert!(all.iter().all(|it| it.to_string().len() < 1024));
    }
}
