//! Scripts and data that Lock loads besides its logins.
//!
//! Source: auth0/lock, `src/core/client`, and observation.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::tenant::config::{Config, Connection};
use crate::tenant::http::visit::Visit;

/// `GET /client/{client_id}.js`: a script with the client and its connections.
pub(crate) async fn describe_client(visit: Visit<()>, Path(file): Path<String>) -> Response {
    visit.respond(move |visit| client_script(visit, &file)).await
}

fn client_script(visit: &Visit<()>, file: &str) -> Response {
    let Visit { tenant, issuer, .. } = visit;
    let client = file.strip_suffix(".js").and_then(|id| tenant.config.client(id));
    let Some(client) = client else { return (StatusCode::NOT_FOUND, "Not found.\n").into_response() };
    let described = json!({
        "id": client.client_id,
        "tenant": tenant.config.name,
        "subscription": "dev",
        "authorize": format!("{issuer}authorize"),
        "callback": client.callbacks.first().map_or("", String::as_str),
        "hasAllowedOrigins": !client.origins.is_empty(),
        "strategies": list_strategies(&tenant.config),
    });
    let script = format!("Auth0.setClient({});", described.to_string().replace('<', "\\u003c"));
    ([(CONTENT_TYPE, "application/x-javascript; charset=utf-8")], script).into_response()
}

fn list_strategies(config: &Config) -> Value {
    let mut strategies: Vec<(&str, Vec<Value>)> = Vec::new();
    for connection in config.connections() {
        let described = describe_connection(connection);
        match strategies.iter_mut().find(|(name, _)| *name == connection.strategy) {
            Some((_, of)) => of.push(described),
            None => strategies.push((&connection.strategy, vec![described])),
        }
    }
    strategies.into_iter().map(|(name, of)| json!({ "name": name, "connections": of })).collect()
}

fn describe_connection(connection: &Connection) -> Value {
    if connection.is_database() {
        return json!({
            "name": connection.name, "forgot_password_url": null, "signup_url": null, "passwordPolicy": "low",
            "showForgot": true, "showSignup": connection.sign_up, "requires_username": connection.requires_username,
        });
    }
    if connection.is_social() {
        return json!({ "name": connection.name, "scope": ["email", "profile"] });
    }
    json!({ "name": connection.name })
}

/// `GET /user/geoloc/country`: the country of every sender is the United States.
pub(crate) async fn show_country() -> Json<Value> {
    Json(json!({ "country_code": "US", "country_code3": "USA", "country_name": "United States" }))
}

/// `GET /js/lock/{version}/{language}.js`: an empty dictionary. Lock 10 to 15 asks for one, and waits
/// for it for 20 seconds. It merges the answer with the English of its own; of missing texts, it only
/// warns in the browser's console.
pub(crate) async fn show_language(Path((_, file)): Path<(String, String)>) -> Response {
    let Some(language) = file.strip_suffix(".js") else {
        return (StatusCode::NOT_FOUND, "Not found.\n").into_response();
    };
    let language = Value::from(language);
    let script = format!("Auth0.registerLanguageDictionary({language}, {{}});");
    ([(CONTENT_TYPE, "application/x-javascript; charset=utf-8")], script).into_response()
}
