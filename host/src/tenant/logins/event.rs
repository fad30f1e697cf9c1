//! The event of a login, as Auth0 shows it to Actions.

use serde_json::{Map, Value, json};

use crate::model::{self, Authentication, AuthenticationMethod, LoginEvent, Timestamp, Transaction};
use crate::tenant::config::Config;
use crate::tenant::logins::context::{RequestedLogin, Sender};

/// Returns the event of a login, as Auth0 shows it to Actions.
pub(crate) fn login_event(
    config: &Config,
    RequestedLogin { proved, context }: RequestedLogin<'_>,
    now: Timestamp,
) -> LoginEvent {
    let connection = config.connection(&proved.connection);
    let connection = model::Connection {
        id: connection.map(|it| it.id.clone()).unwrap_or_default(),
        name: proved.connection.clone(),
        strategy: connection.map(|it| it.strategy.clone()).unwrap_or_default(),
        rest: match connection {
            Some(it) if !it.metadata.is_empty() => {
                single_entry("metadata", Value::Object(it.metadata.clone()))
            }
            _ => Map::new(),
        },
    };
    let Sender { ip, user_agent, hostname, method } = context.sender;
    let mut request = json!({ "ip": ip, "method": method, "hostname": hostname, "geoip": {} });
    if let (Value::Object(request), Some(user_agent)) = (&mut request, user_agent) {
        request.insert("user_agent".to_owned(), user_agent.as_str().into());
    }
    let mut rest = single_entry("request", request);
    rest.insert("tenant".to_owned(), json!({ "id": config.name }));
    if let Some(domain) = config.custom_domains.iter().find(|it| it.eq_ignore_ascii_case(hostname)) {
        rest.insert("custom_domain".to_owned(), json!({ "domain": domain, "domain_metadata": {} }));
    }
    let mut event = LoginEvent::new(proved.user.clone(), connection, rest);
    event.client = Some(model::Client {
        client_id: context.client.client_id.clone(),
        name: context.client.name.clone(),
        rest: single_entry("metadata", Value::Object(context.client.metadata.clone())),
    });
    let method = AuthenticationMethod {
        name: proved.method.to_owned(),
        timestamp: Some(proved.at.min(now)),
        ..AuthenticationMethod::default()
    };
    event.authentication = Some(Authentication { methods: vec![method], rest: Map::new() });
    // A login with an answer continues the one that asked: its proofs are of a user who is present.
    let is_silent = !context.interactive && context.answer.is_none();
    event.transaction = Some(Transaction {
        protocol: Some(context.protocol.to_owned()),
        prompt: if is_silent { vec!["none".to_owned()] } else { Vec::new() },
        rest: single_entry(
            "requested_scopes",
            context.scope.split(' ').filter(|it| !it.is_empty()).collect(),
        ),
    });
    event
}

fn single_entry(key: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(key.to_owned(), value)])
}

/// Adds the second factor that the login has passed.
pub(crate) fn add_second_factor(event: &mut LoginEvent, at: Timestamp) {
    let method = AuthenticationMethod {
        name: "mfa".to_owned(),
        timestamp: Some(at),
        ..AuthenticationMethod::default()
    };
    event.authentication.get_or_insert_default().methods.push(method);
}

/// Adds the roles of the user to an event, as Auth0 does.
pub(crate) fn with_roles(mut event: LoginEvent) -> LoginEvent {
    let roles = json!({ "roles": event.account().roles });
    event.rest.insert("authorization".to_owned(), roles);
    event
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use crate::model::{Connection, LoginEvent, User};
    use crate::tenant::logins::event::with_roles;

    #[test]
    fn an_event_shows_the_roles_of_its_user() {
        let user: User = serde_json::from_value(json!({ "user_id": "auth0|1", "roles": ["admin"] })).unwrap();
        let connection = Connection { name: "users".to_owned(), ..Connection::default() };
        let event = with_roles(LoginEvent::new(user, connection, Map::new()));
        assert_eq!(event.context()["authorization"], json!({ "roles": ["admin"] }));
    }
}
